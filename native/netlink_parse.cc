// SPDX-License-Identifier: Apache-2.0
// netlink_parse.cc - rtnetlink messages as JavaScript objects.
#include <arpa/inet.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <cstdio>
#include <cstring>

#include "arguments.hpp"
#include "netlink.hpp"
#include "netlink_attributes.hpp"

namespace unum
{

template <class Header> static const Header *header_of(const nlmsghdr *message)
{
	if (mnl_nlmsg_get_payload_len(message) < sizeof(Header))
		throw Failure{.code = "NETLINK",
			      .operation = "read",
			      .subject = "an answer of the kernel",
			      .reason = "it is shorter than its header"};
	return static_cast<const Header *>(mnl_nlmsg_get_payload(message));
}

// A number of an attribute; 0 if that is too short.
template <class Number> static Number number(const nlattr *attribute)
{
	Number value = 0;
	if (mnl_attr_get_payload_len(attribute) >= sizeof(value))
		std::memcpy(&value, mnl_attr_get_payload(attribute), sizeof(value));
	return value;
}

static std::string text(const nlattr *attribute)
{
	const char *data = static_cast<const char *>(mnl_attr_get_payload(attribute));
	return std::string(data, ::strnlen(data, mnl_attr_get_payload_len(attribute)));
}

static std::string address_text(uint8_t family, const void *bytes, size_t length)
{
	char buffer[INET6_ADDRSTRLEN];
	size_t expected = family == AF_INET ? 4 : 16;
	if (length < expected || !::inet_ntop(family, bytes, buffer, sizeof(buffer)))
		return "";
	return buffer;
}

static std::string address_text(uint8_t family, const nlattr *attribute)
{
	return address_text(family, mnl_attr_get_payload(attribute),
			    mnl_attr_get_payload_len(attribute));
}

// Empty for link-layer addresses of another length than Ethernet's.
static std::string mac_text(const nlattr *attribute)
{
	if (mnl_attr_get_payload_len(attribute) != 6)
		return "";
	auto *b = static_cast<const uint8_t *>(mnl_attr_get_payload(attribute));
	char buffer[18];
	std::snprintf(buffer, sizeof(buffer), "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2],
		      b[3], b[4], b[5]);
	return buffer;
}

static void set_text(Napi::Object object, const char *name, const std::string &value)
{
	if (!value.empty())
		object.Set(name, value);
}

Address Address::parse(const Napi::Value &value, const char *name)
{
	std::string address = string_argument(value, name);
	Address result = {};
	if (::inet_pton(AF_INET, address.c_str(), result.bytes) == 1) {
		result.family = AF_INET;
		result.length = 4;
	} else if (::inet_pton(AF_INET6, address.c_str(), result.bytes) == 1) {
		result.family = AF_INET6;
		result.length = 16;
	} else {
		throw bad_argument(std::string("argument ") + name,
				   "expected an IPv4 or IPv6 address, got " + address);
	}
	return result;
}

static Napi::Value xdp_object(Napi::Env env, const nlattr *nest)
{
	static const char *const modes[] = {"none", "native", "generic", "offload", "multi"};
	uint8_t mode = 0;
	uint32_t program = 0, native = 0;
	each_nested(nest, [&](int type, const nlattr *a) {
		if (type == IFLA_XDP_ATTACHED)
			mode = number<uint8_t>(a);
		else if (type == IFLA_XDP_PROG_ID)
			program = number<uint32_t>(a);
		else if (type == IFLA_XDP_DRV_PROG_ID)
			native = number<uint32_t>(a);
	});
	if (mode == XDP_ATTACHED_NONE || mode > XDP_ATTACHED_MULTI)
		return env.Undefined();
	Napi::Object xdp = Napi::Object::New(env);
	xdp.Set("mode", modes[mode]);
	xdp.Set("programId", program ? program : native);
	return xdp;
}

Napi::Object link_object(Napi::Env env, const nlmsghdr *message)
{
	auto *header = header_of<ifinfomsg>(message);
	Napi::Object link = Napi::Object::New(env);
	link.Set("ifindex", header->ifi_index);
	link.Set("up", (header->ifi_flags & IFF_UP) != 0);
	link.Set("running", (header->ifi_flags & IFF_RUNNING) != 0);
	link.Set("loopback", (header->ifi_flags & IFF_LOOPBACK) != 0);
	each_attribute_of(message, sizeof(*header), [&](int type, const nlattr *a) {
		if (type == IFLA_IFNAME)
			link.Set("name", text(a));
		else if (type == IFLA_ADDRESS)
			set_text(link, "mac", mac_text(a));
		else if (type == IFLA_MTU)
			link.Set("mtu", number<uint32_t>(a));
		else if (type == IFLA_MASTER)
			link.Set("master", number<uint32_t>(a));
		else if (type == IFLA_LINK)
			link.Set("peerIfindex", number<uint32_t>(a));
		else if (type == IFLA_LINK_NETNSID)
			link.Set("peerNamespaceId", number<int32_t>(a));
		else if (type == IFLA_NUM_RX_QUEUES)
			link.Set("rxQueues", number<uint32_t>(a));
		else if (type == IFLA_NUM_TX_QUEUES)
			link.Set("txQueues", number<uint32_t>(a));
		else if (type == IFLA_LINKINFO)
			each_nested(a, [&](int inner, const nlattr *b) {
				if (inner == IFLA_INFO_KIND)
					link.Set("kind", text(b));
			});
		else if (type == IFLA_XDP) {
			Napi::Value xdp = xdp_object(env, a);
			if (!xdp.IsUndefined())
				link.Set("xdp", xdp);
		}
	});
	return link;
}

Napi::Value address_object(Napi::Env env, const nlmsghdr *message)
{
	auto *header = header_of<ifaddrmsg>(message);
	std::string local, address;
	each_attribute_of(message, sizeof(*header), [&](int type, const nlattr *a) {
		if (type == IFA_LOCAL)
			local = address_text(header->ifa_family, a);
		else if (type == IFA_ADDRESS)
			address = address_text(header->ifa_family, a);
	});
	// On a point-to-point link IFA_ADDRESS is the peer's.
	if (local.empty())
		local = address;
	if (local.empty() || (header->ifa_family != AF_INET && header->ifa_family != AF_INET6))
		return env.Undefined();
	Napi::Object result = Napi::Object::New(env);
	result.Set("ifindex", header->ifa_index);
	result.Set("family", header->ifa_family == AF_INET ? 4 : 6);
	result.Set("address", local);
	result.Set("prefixLength", static_cast<uint32_t>(header->ifa_prefixlen));
	return result;
}

static const char *route_type(uint8_t type)
{
	switch (type) {
	case RTN_UNICAST:
		return "unicast";
	case RTN_LOCAL:
		return "local";
	case RTN_BROADCAST:
		return "broadcast";
	case RTN_ANYCAST:
		return "anycast";
	case RTN_MULTICAST:
		return "multicast";
	default:
		return "other";
	}
}

Napi::Object route_object(Napi::Env env, const nlmsghdr *message)
{
	auto *header = header_of<rtmsg>(message);
	Napi::Object route = Napi::Object::New(env);
	route.Set("type", route_type(header->rtm_type));
	each_attribute_of(message, sizeof(*header), [&](int type, const nlattr *a) {
		if (type == RTA_OIF)
			route.Set("ifindex", number<uint32_t>(a));
		else if (type == RTA_GATEWAY)
			set_text(route, "gateway", address_text(header->rtm_family, a));
		else if (type == RTA_PREFSRC)
			set_text(route, "source", address_text(header->rtm_family, a));
		else if (type == RTA_VIA && mnl_attr_get_payload_len(a) > 2) {
			// struct rtvia: an IPv4 route may go through an IPv6 neighbour.
			auto *via = static_cast<const char *>(mnl_attr_get_payload(a));
			uint16_t family = number<uint16_t>(a);
			set_text(route, "gateway",
				 address_text(static_cast<uint8_t>(family), via + 2,
					      mnl_attr_get_payload_len(a) - 2u));
		} else if (type == RTA_METRICS)
			each_nested(a, [&](int inner, const nlattr *b) {
				if (inner == RTAX_MTU)
					route.Set("mtu", number<uint32_t>(b));
			});
	});
	return route;
}

static const char *neighbour_state(uint16_t state)
{
	switch (state) {
	case NUD_INCOMPLETE:
		return "incomplete";
	case NUD_REACHABLE:
		return "reachable";
	case NUD_STALE:
		return "stale";
	case NUD_DELAY:
		return "delay";
	case NUD_PROBE:
		return "probe";
	case NUD_FAILED:
		return "failed";
	case NUD_NOARP:
		return "noarp";
	case NUD_PERMANENT:
		return "permanent";
	default:
		return "none";
	}
}

Napi::Value neighbour_object(Napi::Env env, const nlmsghdr *message)
{
	auto *header = header_of<ndmsg>(message);
	std::string address, mac;
	each_attribute_of(message, sizeof(*header), [&](int type, const nlattr *a) {
		if (type == NDA_DST)
			address = address_text(header->ndm_family, a);
		else if (type == NDA_LLADDR)
			mac = mac_text(a);
	});
	if (address.empty() || (header->ndm_family != AF_INET && header->ndm_family != AF_INET6))
		return env.Undefined();
	Napi::Object neighbour = Napi::Object::New(env);
	neighbour.Set("ifindex", header->ndm_ifindex);
	neighbour.Set("address", address);
	set_text(neighbour, "mac", mac);
	neighbour.Set("state", neighbour_state(header->ndm_state));
	return neighbour;
}

template <class Number> std::optional<Number> generic_number(const nlmsghdr *message, int type)
{
	std::optional<Number> result;
	each_attribute_of(message, sizeof(genlmsghdr), [&](int found, const nlattr *a) {
		if (found == type)
			result = number<Number>(a);
	});
	return result;
}
template std::optional<uint16_t> generic_number(const nlmsghdr *message, int type);
template std::optional<uint64_t> generic_number(const nlmsghdr *message, int type);

} // namespace unum
