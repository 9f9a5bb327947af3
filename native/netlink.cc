// SPDX-License-Identifier: Apache-2.0
#include "netlink.hpp"

#include <linux/genetlink.h>
#include <linux/if_ether.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netpacket/packet.h>
#include <sys/socket.h>

#include <cerrno>
#include <optional>

#include "arguments.hpp"
#include "fd.hpp"
#include "handle.hpp"

namespace unum
{

// A request with room for a few attributes.
template <class Header> struct Request {
	alignas(nlmsghdr) char buffer[256] = {};
	nlmsghdr *message;
	Header *header;

	Request(uint16_t type, uint16_t flags)
	{
		message = mnl_nlmsg_put_header(buffer);
		message->nlmsg_type = type;
		message->nlmsg_flags = NLM_F_REQUEST | flags;
		header = static_cast<Header *>(mnl_nlmsg_put_extra_header(message, sizeof(Header)));
	}
	Request(const Request &) = delete;
};

template <class Make>
static Napi::Value list(Napi::Env env, const char *subject, uint16_t type, Make make)
{
	Napi::Array result;
	netlink_dump(
		subject, type, AF_UNSPEC, [&] { result = Napi::Array::New(env); },
		[&](const nlmsghdr *message) {
			Napi::Value entry = make(env, message);
			if (!entry.IsUndefined())
				result[result.Length()] = entry;
		});
	return result;
}

static Napi::Value links(const Napi::CallbackInfo &info)
{
	return list(info.Env(), "links", RTM_GETLINK, link_object);
}

static Napi::Value addresses(const Napi::CallbackInfo &info)
{
	return list(info.Env(), "addresses", RTM_GETADDR, address_object);
}

static Napi::Value neighbours(const Napi::CallbackInfo &info)
{
	return list(info.Env(), "neighbours", RTM_GETNEIGH, neighbour_object);
}

static Failure netlink_refused(const std::string &subject, int error)
{
	Failure failure = refused("ask the kernel for", subject, error, "CAP_NET_ADMIN");
	if (error != EPERM)
		failure.code = "NETLINK";
	return failure;
}

static Napi::Value route_to(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	Address address = Address::parse(info[0], "address");
	std::string subject = "the route to " + info[0].As<Napi::String>().Utf8Value();
	Request<rtmsg> request(RTM_GETROUTE, 0);
	request.header->rtm_family = address.family;
	request.header->rtm_dst_len = static_cast<unsigned char>(8 * address.length);
	mnl_attr_put(request.message, RTA_DST, address.length, address.bytes);

	Napi::Value route = env.Undefined();
	int error = netlink_ask(subject, request.message, [&](const nlmsghdr *message) {
		if (message->nlmsg_type == RTM_NEWROUTE)
			route = route_object(env, message);
	});
	switch (error) {
	case 0:
		return route;
	case ENETUNREACH:  // no route
	case EHOSTUNREACH: // a route of type unreachable
	case EACCES:       // prohibit
	case EINVAL:       // blackhole
		return env.Undefined();
	default:
		throw netlink_refused(subject, error);
	}
}

// What both requests about one neighbour have in common.
static void name_neighbour(Request<ndmsg> &request, const Address &address, uint32_t ifindex)
{
	request.header->ndm_family = address.family;
	request.header->ndm_ifindex = static_cast<int>(ifindex);
	mnl_attr_put(request.message, NDA_DST, address.length, address.bytes);
}

static std::string neighbour_subject(const Napi::CallbackInfo &info, uint32_t ifindex)
{
	return "neighbour " + info[1].As<Napi::String>().Utf8Value() + " on interface " +
	       std::to_string(ifindex);
}

static Napi::Value neighbour(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	uint32_t ifindex = u32_argument(info[0], "ifindex", 1, INT32_MAX);
	Address address = Address::parse(info[1], "address");
	std::string subject = neighbour_subject(info, ifindex);
	Request<ndmsg> request(RTM_GETNEIGH, 0);
	name_neighbour(request, address, ifindex);

	Napi::Value result = env.Undefined();
	int error = netlink_ask(subject, request.message, [&](const nlmsghdr *message) {
		if (message->nlmsg_type == RTM_NEWNEIGH)
			result = neighbour_object(env, message);
	});
	if (error && error != ENOENT)
		throw netlink_refused(subject, error);
	return result;
}

// NTF_USE: the kernel treats the entry as if a packet of its own were to be sent there.
static Napi::Value probe_neighbour(const Napi::CallbackInfo &info)
{
	uint32_t ifindex = u32_argument(info[0], "ifindex", 1, INT32_MAX);
	Address address = Address::parse(info[1], "address");
	std::string subject = neighbour_subject(info, ifindex);
	Request<ndmsg> request(RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE);
	request.header->ndm_state = NUD_NONE;
	request.header->ndm_flags = NTF_USE;
	name_neighbour(request, address, ifindex);
	int error = netlink_ask(subject, request.message, [](const nlmsghdr *) {});
	if (error)
		throw netlink_refused(subject, error);
	return info.Env().Undefined();
}

static Napi::Value send_frame(const Napi::CallbackInfo &info)
{
	uint32_t ifindex = u32_argument(info[0], "ifindex", 1, INT32_MAX);
	Bytes bytes = bytes_argument(info[1], "bytes");
	std::string subject = "a frame on interface " + std::to_string(ifindex);
	if (bytes.size() < ETH_HLEN)
		throw bad_argument("argument bytes", "expected at least 14 bytes, got " +
							     std::to_string(bytes.size()));
	// Protocol 0: the socket receives nothing.
	Fd fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
	if (!fd.valid())
		throw refused("send", subject, errno, "CAP_NET_RAW");
	sockaddr_ll to = {};
	to.sll_family = AF_PACKET;
	to.sll_ifindex = static_cast<int>(ifindex);
	to.sll_halen = ETH_ALEN;
	ssize_t sent = ::sendto(fd.get(), bytes.data(), bytes.size(), 0,
				reinterpret_cast<sockaddr *>(&to), sizeof(to));
	if (sent < 0)
		throw refused("send", subject, errno, "CAP_NET_RAW");
	return info.Env().Undefined();
}

// Of linux/netdev.h, that came with the family in Linux 6.3.
static constexpr const char *netdev_family = "netdev";
static constexpr uint8_t netdev_get = 1;
static constexpr uint16_t netdev_ifindex = 1, netdev_xdp_features = 3;
static constexpr uint64_t xdp_takes_frames = 1 << 2; // NETDEV_XDP_ACT_NDO_XMIT

// The type of its messages; none: the kernel does not know the family.
static std::optional<uint16_t> generic_family(const char *name)
{
	std::string subject = std::string("netlink family ") + name;
	Request<genlmsghdr> request(GENL_ID_CTRL, 0);
	request.header->cmd = CTRL_CMD_GETFAMILY;
	request.header->version = 1;
	mnl_attr_put_strz(request.message, CTRL_ATTR_FAMILY_NAME, name);
	std::optional<uint16_t> family;
	auto read = [&](const nlmsghdr *message) {
		family = generic_number<uint16_t>(message, CTRL_ATTR_FAMILY_ID);
	};
	int error = netlink_ask(subject, request.message, read, NETLINK_GENERIC);
	if (error && error != ENOENT)
		throw netlink_refused(subject, error);
	return family;
}

static Napi::Value xdp_takes_redirects(const Napi::CallbackInfo &info)
{
	uint32_t ifindex = u32_argument(info[0], "ifindex", 1, INT32_MAX);
	std::optional<uint16_t> family = generic_family(netdev_family);
	if (!family)
		return info.Env().Undefined();

	std::string subject = "XDP features of interface " + std::to_string(ifindex);
	Request<genlmsghdr> request(*family, 0);
	request.header->cmd = netdev_get;
	request.header->version = 1;
	mnl_attr_put_u32(request.message, netdev_ifindex, ifindex);
	std::optional<uint64_t> features;
	auto read = [&](const nlmsghdr *message) {
		features = generic_number<uint64_t>(message, netdev_xdp_features);
	};
	int error = netlink_ask(subject, request.message, read, NETLINK_GENERIC);
	if (error) {
		Failure failure = netlink_refused(subject, error);
		if (error == ENODEV)
			failure.code = "INTERFACE_MISSING";
		throw failure;
	}
	if (!features)
		return info.Env().Undefined();
	return Napi::Boolean::New(info.Env(), (*features & xdp_takes_frames) != 0);
}

void export_netlink(Napi::Env env, Napi::Object exports)
{
	auto add = [&](const char *name, auto function) {
		exports.Set(name, Napi::Function::New(env, function, name));
	};
	add("links", guarded_function<links>);
	add("addresses", guarded_function<addresses>);
	add("routeTo", guarded_function<route_to>);
	add("neighbours", guarded_function<neighbours>);
	add("neighbour", guarded_function<neighbour>);
	add("probeNeighbour", guarded_function<probe_neighbour>);
	add("sendFrame", guarded_function<send_frame>);
	add("xdpTakesRedirects", guarded_function<xdp_takes_redirects>);
	add("netPrograms", guarded_function<net_programs>);
}

} // namespace unum
