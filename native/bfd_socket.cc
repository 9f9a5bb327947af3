// SPDX-License-Identifier: Apache-2.0
#include "bfd_socket.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <random>

#include "arguments.hpp"
#include "netlink.hpp"

namespace unum
{

/*
 * What JavaScript reads and writes, one record a datagram: family (4 or 6), multihop (0 or 1), TTL, bytes of payload, address of the
 * other end in wire order (16 bytes), payload, and in the last 4 bytes how long a datagram that is read had waited: nanoseconds, 0:
 * not known. What is longer than a record is cut; no control packet is.
 */
static constexpr size_t record_bytes = 96;
static constexpr size_t payload_at = 20;
static constexpr size_t age_at = record_bytes - sizeof(uint32_t);
static constexpr size_t payload_max = age_at - payload_at;
static constexpr uint32_t batch_max = 64;

static constexpr uint16_t port_single_hop = 3784; // RFC 5881 section 4
static constexpr uint16_t port_multihop = 4784;   // RFC 5883 section 5
// Of senders: RFC 5881 section 4.
static constexpr int source_port_low = 49152;
static constexpr int source_port_high = 65535;

static constexpr int ttl = 255;
static constexpr int class_control = 0xc0; // DSCP CS6
// What may come in while the thread does something else: some seconds of thousands of sessions.
static constexpr int receive_buffer_bytes = 16 * 1024 * 1024;

Napi::Function Wake::define(Napi::Env env)
{
	return DefineClass(env, "Wake",
			   {static_method<&Wake::create>("create"),
			    instance_method<&Wake::fd>("fd"), instance_method<&Wake::wake>("wake"),
			    instance_method<&Wake::close>("close")});
}

Napi::Value Wake::create(const Info &info)
{
	Fd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	if (!event.valid())
		throw refused("create", "eventfd", errno);
	Wake *wake = make(info.Env());
	wake->event_ = std::move(event);
	return wake->Value();
}

void Wake::check_open() const
{
	if (!event_.valid())
		throw closed(kind);
}

Napi::Value Wake::fd(const Info &info)
{
	check_open();
	return Napi::Number::New(info.Env(), event_.get());
}

Napi::Value Wake::wake(const Info &info)
{
	check_open();
	uint64_t one = 1;
	// Full: it is awake.
	if (::write(event_.get(), &one, sizeof(one)) < 0 && errno != EAGAIN)
		throw refused("write", "eventfd", errno);
	return info.Env().Undefined();
}

Napi::Value Wake::close(const Info &info)
{
	event_.close();
	return info.Env().Undefined();
}

Napi::Function BfdSocket::define(Napi::Env env)
{
	return DefineClass(env, "BfdSocket",
			   {static_method<&BfdSocket::open>("open"),
			    instance_method<&BfdSocket::add>("add"),
			    instance_method<&BfdSocket::receive>("receive"),
			    instance_method<&BfdSocket::send>("send"),
			    instance_method<&BfdSocket::wait>("wait"),
			    instance_method<&BfdSocket::close>("close")});
}

// A socket address of a local or remote end.
struct SocketAddress {
	sockaddr_storage storage = {};
	socklen_t length = 0;

	SocketAddress(sa_family_t family, const uint8_t *bytes, uint16_t port)
	{
		if (family == AF_INET) {
			auto *address = reinterpret_cast<sockaddr_in *>(&storage);
			address->sin_family = AF_INET;
			address->sin_port = htons(port);
			std::memcpy(&address->sin_addr, bytes, 4);
			length = sizeof(*address);
		} else {
			auto *address = reinterpret_cast<sockaddr_in6 *>(&storage);
			address->sin6_family = AF_INET6;
			address->sin6_port = htons(port);
			std::memcpy(&address->sin6_addr, bytes, 16);
			length = sizeof(*address);
		}
	}

	const sockaddr *get() const { return reinterpret_cast<const sockaddr *>(&storage); }
};

static void set_option(int fd, int level, int option, int value, const std::string &subject)
{
	if (::setsockopt(fd, level, option, &value, sizeof(value)))
		throw refused("set up", subject, errno);
}

static Fd open_socket(const Address &local, const std::string &subject)
{
	Fd fd(::socket(local.family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	if (!fd.valid())
		throw refused("open", subject, errno);
	if (local.family == AF_INET6)
		set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1, subject);
	return fd;
}

static Fd open_receiver(const Address &local, uint16_t port, const std::string &subject)
{
	Fd fd = open_socket(local, subject);
	// Somebody else's BFD may serve the machine's other addresses.
	set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1, subject);
	if (local.family == AF_INET)
		set_option(fd.get(), IPPROTO_IP, IP_RECVTTL, 1, subject);
	else
		set_option(fd.get(), IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1, subject);
	// When the kernel had it in its hands; without, it is as if it came when it is read.
	static constexpr int on = 1;
	::setsockopt(fd.get(), SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	// Beyond the machine's limit only with a capability; without it, as much as there is.
	if (::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer_bytes,
			 sizeof(receive_buffer_bytes)))
		::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes,
			     sizeof(receive_buffer_bytes));
	SocketAddress address(local.family, local.bytes, port);
	if (::bind(fd.get(), address.get(), address.length))
		throw refused("bind", subject, errno, "CAP_NET_ADMIN");
	return fd;
}

// One source port for all sessions of a family, for as long as the process lives.
static Fd open_sender(const Address &local, const std::string &subject)
{
	Fd fd = open_socket(local, subject);
	if (local.family == AF_INET) {
		set_option(fd.get(), IPPROTO_IP, IP_TTL, ttl, subject);
		set_option(fd.get(), IPPROTO_IP, IP_TOS, class_control, subject);
	} else {
		set_option(fd.get(), IPPROTO_IPV6, IPV6_UNICAST_HOPS, ttl, subject);
		set_option(fd.get(), IPPROTO_IPV6, IPV6_TCLASS, class_control, subject);
	}
	std::random_device random;
	std::uniform_int_distribution<int> ports(source_port_low, source_port_high);
	for (int tries = 0; tries < 100; tries++) {
		SocketAddress address(local.family, local.bytes, ports(random));
		if (!::bind(fd.get(), address.get(), address.length))
			return fd;
		if (errno != EADDRINUSE)
			break;
	}
	throw refused("bind", subject, errno);
}

Napi::Value BfdSocket::open(const Info &info)
{
	uint32_t wake = u32_argument(info[0], "wake", 0, INT32_MAX);
	Fd fd = Fd::duplicate(static_cast<int>(wake));
	if (!fd.valid())
		throw refused("duplicate", "eventfd", errno);
	BfdSocket *socket = make(info.Env());
	socket->wake_ = std::move(fd);
	return socket->Value();
}

void BfdSocket::check_open() const
{
	if (!wake_.valid())
		throw closed(kind);
}

// Receives at a local address, and sends to that family from it. One address of each family.
Napi::Value BfdSocket::add(const Info &info)
{
	check_open();
	Address local = Address::parse(info[0], "local");
	std::string subject = "BFD socket at " + std::string(info[0].ToString());
	Fd &sender = local.family == AF_INET ? sender4_ : sender6_;
	if (sender.valid())
		throw bad_argument("argument local", "there is an address of that family");
	Fd single = open_receiver(local, port_single_hop, subject);
	Fd multi = open_receiver(local, port_multihop, subject);
	sender = open_sender(local, subject);
	receivers_.push_back({std::move(single), false});
	receivers_.push_back({std::move(multi), true});
	return info.Env().Undefined();
}

// The hop limit among a datagram's ancillary data; 0: it has none.
static uint8_t hop_limit(msghdr *message)
{
	for (cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
		bool is4 = part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_TTL;
		bool is6 = part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_HOPLIMIT;
		int value;
		if (!is4 && !is6)
			continue;
		std::memcpy(&value, CMSG_DATA(part), sizeof(value));
		return static_cast<uint8_t>(value);
	}
	return 0;
}

// Nanoseconds between a datagram's time stamp and now; 0: it has none, or the clock was set meanwhile.
static uint32_t age_ns(msghdr *message, const timespec &now)
{
	for (cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		timespec came;
		std::memcpy(&came, CMSG_DATA(part), sizeof(came));
		int64_t ns =
			(now.tv_sec - came.tv_sec) * 1'000'000'000LL + now.tv_nsec - came.tv_nsec;
		return ns > 0 && ns < 1'000'000'000 ? static_cast<uint32_t>(ns) : 0;
	}
	return 0;
}

uint32_t BfdSocket::receive_from(const Receiver &receiver, uint8_t *records, uint32_t room)
{
	std::array<mmsghdr, batch_max> messages;
	std::array<iovec, batch_max> parts;
	std::array<sockaddr_storage, batch_max> sources;
	static constexpr size_t ancillary_bytes =
		CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(timespec));
	struct alignas(cmsghdr) Ancillary {
		std::array<char, ancillary_bytes> bytes;
	};
	std::array<Ancillary, batch_max> ancillary;

	room = std::min(room, batch_max);
	for (uint32_t i = 0; i < room; i++) {
		parts[i] = {records + i * record_bytes + payload_at, payload_max};
		messages[i] = {};
		messages[i].msg_hdr.msg_name = &sources[i];
		messages[i].msg_hdr.msg_namelen = sizeof(sources[i]);
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
		messages[i].msg_hdr.msg_control = ancillary[i].bytes.data();
		messages[i].msg_hdr.msg_controllen = ancillary[i].bytes.size();
	}
	int count = ::recvmmsg(receiver.fd.get(), messages.data(), room, MSG_DONTWAIT, nullptr);
	timespec now = {};
	::clock_gettime(CLOCK_REALTIME, &now);
	// An ICMP error of an earlier datagram counts as read.
	for (int i = 0; i < count; i++) {
		uint8_t *record = records + i * record_bytes;
		std::memset(record, 0, payload_at);
		record[0] = sources[i].ss_family == AF_INET ? 4 : 6;
		record[1] = receiver.multihop;
		record[2] = hop_limit(&messages[i].msg_hdr);
		record[3] = static_cast<uint8_t>(messages[i].msg_len);
		uint32_t age = age_ns(&messages[i].msg_hdr, now);
		std::memcpy(record + age_at, &age, sizeof(age));
		if (sources[i].ss_family == AF_INET)
			std::memcpy(record + 4,
				    &reinterpret_cast<sockaddr_in *>(&sources[i])->sin_addr, 4);
		else
			std::memcpy(record + 4,
				    &reinterpret_cast<sockaddr_in6 *>(&sources[i])->sin6_addr, 16);
	}
	return count > 0 ? static_cast<uint32_t>(count) : 0;
}

// Records of the caller's, to be written into. Returns how many datagrams there were; fewer than fit: no more are waiting.
Napi::Value BfdSocket::receive(const Info &info)
{
	check_open();
	Bytes records = bytes_argument(info[0], "records");
	uint32_t room = static_cast<uint32_t>(records.size() / record_bytes);
	uint32_t count = 0;
	for (size_t i = 0; i < receivers_.size() && count < room; i++) {
		const Receiver &receiver = receivers_[(first_ + i) % receivers_.size()];
		uint8_t *at = const_cast<uint8_t *>(records.data()) + count * record_bytes;
		count += receive_from(receiver, at, room - count);
	}
	first_++;
	return Napi::Number::New(info.Env(), count);
}

// Sends a run of records of one family. Returns how many the kernel did not take.
uint32_t BfdSocket::send_family(int fd, sa_family_t family, const uint8_t *records, uint32_t count)
{
	std::array<mmsghdr, batch_max> messages;
	std::array<iovec, batch_max> parts;
	std::vector<SocketAddress> targets;
	uint32_t lost = 0;

	targets.reserve(count);
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *record = records + i * record_bytes;
		targets.emplace_back(family, record + 4,
				     record[1] ? port_multihop : port_single_hop);
		parts[i] = {const_cast<uint8_t *>(record) + payload_at,
			    std::min<size_t>(record[3], payload_max)};
		messages[i] = {};
		messages[i].msg_hdr.msg_name = &targets[i].storage;
		messages[i].msg_hdr.msg_namelen = targets[i].length;
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	for (uint32_t sent = 0; sent < count;) {
		int more = ::sendmmsg(fd, messages.data() + sent, count - sent, MSG_DONTWAIT);
		// No route, or no room: that one is lost, as it may be on the way. The next is its own matter.
		if (more <= 0) {
			lost++;
			more = 1;
		}
		sent += static_cast<uint32_t>(more);
	}
	return lost;
}

Napi::Value BfdSocket::send(const Info &info)
{
	check_open();
	Bytes records = bytes_argument(info[0], "records");
	uint32_t count = u32_argument(info[1], "count", 0,
				      static_cast<uint32_t>(records.size() / record_bytes));
	uint32_t lost = 0;
	for (uint32_t from = 0; from < count;) {
		uint8_t family = records[from * record_bytes];
		uint32_t run = 1;
		while (run < batch_max && from + run < count &&
		       records[(from + run) * record_bytes] == family)
			run++;
		const Fd &sender = family == 4 ? sender4_ : sender6_;
		if (sender.valid())
			lost += send_family(sender.get(), family == 4 ? AF_INET : AF_INET6,
					    records.data() + from * record_bytes, run);
		else
			lost += run;
		from += run;
	}
	return Napi::Number::New(info.Env(), lost);
}

// Waits for datagrams, for the other thread, or for so many microseconds. True: the other thread wants something.
Napi::Value BfdSocket::wait(const Info &info)
{
	check_open();
	uint32_t us = u32_argument(info[0], "us", 0, 60'000'000);
	std::vector<pollfd> polled = {{.fd = wake_.get(), .events = POLLIN, .revents = 0}};
	for (const Receiver &receiver : receivers_)
		polled.push_back({.fd = receiver.fd.get(), .events = POLLIN, .revents = 0});
	timespec timeout = {.tv_sec = us / 1'000'000, .tv_nsec = us % 1'000'000 * 1000L};
	int ready = ::ppoll(polled.data(), polled.size(), &timeout, nullptr);
	if (ready < 0 && errno != EINTR)
		throw refused("wait for", "BFD sockets", errno);
	bool woken = ready > 0 && polled[0].revents;
	uint64_t count;
	if (woken && ::read(wake_.get(), &count, sizeof(count)) < 0 && errno != EAGAIN)
		throw refused("read", "eventfd", errno);
	return Napi::Boolean::New(info.Env(), woken);
}

Napi::Value BfdSocket::close(const Info &info)
{
	receivers_.clear();
	sender4_.close();
	sender6_.close();
	wake_.close();
	return info.Env().Undefined();
}

Napi::Value favour_thread(const Napi::CallbackInfo &info)
{
	static constexpr int nice = -15;
	// Linux: 0 is the calling thread, not its process.
	return Napi::Boolean::New(info.Env(), ::setpriority(PRIO_PROCESS, 0, nice) == 0);
}

} // namespace unum
