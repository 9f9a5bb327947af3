// SPDX-License-Identifier: Apache-2.0
#include "netlink_watch.hpp"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <vector>

#include "arguments.hpp"

namespace unum
{

// Kinds of what changed, as bits; src/bpf/rtnetlink.ts has the same.
static constexpr uint32_t links_changed = 1, addresses_changed = 2, routes_changed = 4,
			  neighbours_changed = 8;
static constexpr uint32_t all_changed = 15;

static constexpr int groups[] = {RTNLGRP_LINK,        RTNLGRP_NEIGH,      RTNLGRP_IPV4_IFADDR,
				 RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
				 RTNLGRP_IPV4_RULE,   RTNLGRP_IPV6_RULE,  RTNLGRP_NEXTHOP};

// A burst is told when it has been quiet for so long, or has lasted for so long.
static constexpr int quiet_ms = 1, burst_polls = 10;
static constexpr int receive_buffer_bytes = 1 << 20;
static constexpr size_t message_bytes = 64 * 1024;

struct NetlinkWatch::Shared {
	Fd socket, wake;
	Napi::ThreadSafeFunction call;
	// Kinds that JavaScript has not been told yet; not 0: it is about to be.
	std::atomic<uint32_t> untold = 0;
};

static uint32_t kind_of(uint16_t type)
{
	switch (type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return links_changed;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return addresses_changed;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		return neighbours_changed;
	default: // routes, rules, next-hop objects
		return routes_changed;
	}
}

// Reads what is there. 0: nothing was.
static uint32_t drain(int socket, std::vector<char> &buffer)
{
	uint32_t kinds = 0;
	for (;;) {
		ssize_t length = ::recv(socket, buffer.data(), buffer.size(), MSG_DONTWAIT);
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return kinds;
		if (length < 0) { // ENOBUFS: some were lost
			kinds |= all_changed;
			continue;
		}
		auto *message = reinterpret_cast<const nlmsghdr *>(buffer.data());
		for (auto left = static_cast<unsigned int>(length); NLMSG_OK(message, left);
		     message = NLMSG_NEXT(message, left))
			kinds |= kind_of(message->nlmsg_type);
	}
}

// Waits for the socket or, without a time, for the end. False: it is the end.
static bool wait(int socket, int wake, int timeout_ms)
{
	pollfd fds[] = {{socket, POLLIN, 0}, {wake, POLLIN, 0}};
	while (::poll(fds, 2, timeout_ms) < 0)
		if (errno != EINTR)
			return false;
	return fds[1].revents == 0;
}

Napi::Value NetlinkWatch::open(const Info &info)
{
	Napi::Env env = info.Env();
	if (!info[0].IsFunction())
		throw bad_argument("argument onChange", "expected a function");
	auto shared = std::make_shared<Shared>();
	shared->socket = Fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
	shared->wake = Fd(::eventfd(0, EFD_CLOEXEC));
	if (!shared->socket.valid() || !shared->wake.valid())
		throw refused("watch", "links, routes and neighbours", errno);
	::setsockopt(shared->socket.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes,
		     sizeof(receive_buffer_bytes));
	sockaddr_nl any = {};
	any.nl_family = AF_NETLINK;
	if (::bind(shared->socket.get(), reinterpret_cast<sockaddr *>(&any), sizeof(any)) < 0)
		throw refused("watch", "links, routes and neighbours", errno);
	for (int group : groups) {
		int joined = ::setsockopt(shared->socket.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP,
					  &group, sizeof(group));
		if (joined < 0)
			throw refused("watch", "links, routes and neighbours", errno);
	}
	shared->call =
		Napi::ThreadSafeFunction::New(env, info[0].As<Napi::Function>(), "netlink", 0, 1);
	shared->call.Unref(env);

	NetlinkWatch *watch = make(env);
	watch->shared_ = shared;
	watch->thread_ = std::thread([shared] {
		std::vector<char> buffer(message_bytes);
		int socket = shared->socket.get(), wake = shared->wake.get();
		while (wait(socket, wake, -1)) {
			uint32_t kinds = drain(socket, buffer);
			for (int i = 0; i < burst_polls; i++) {
				if (!wait(socket, wake, quiet_ms))
					return;
				uint32_t more = drain(socket, buffer);
				if (!more)
					break;
				kinds |= more;
			}
			if (!kinds || shared->untold.fetch_or(kinds))
				continue;
			auto tell = [shared](Napi::Env inside, Napi::Function on_change) {
				uint32_t told = shared->untold.exchange(0);
				on_change.Call({Napi::Number::New(inside, told)});
			};
			if (shared->call.NonBlockingCall(tell) != napi_ok)
				return;
		}
	});
	return watch->Value();
}

void NetlinkWatch::stop()
{
	if (!shared_)
		return;
	uint64_t one = 1;
	while (::write(shared_->wake.get(), &one, sizeof(one)) < 0 && errno == EINTR)
		;
	thread_.join();
	shared_->call.Abort();
	shared_.reset();
}

Napi::Value NetlinkWatch::close(const Info &info)
{
	stop();
	return info.Env().Undefined();
}

NetlinkWatch::~NetlinkWatch()
{
	stop();
}

Napi::Function NetlinkWatch::define(Napi::Env env)
{
	return DefineClass(env, kind,
			   {static_method<&NetlinkWatch::open>("open"),
			    instance_method<&NetlinkWatch::close>("close")});
}

} // namespace unum
