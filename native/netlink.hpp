// SPDX-License-Identifier: Apache-2.0
// netlink.hpp - rtnetlink(7) questions about links, addresses, routes and neighbours, and a generic
// one about XDP, in the network namespace of the calling thread. A socket lives for one question, so
// a change of namespace counts at once.
#pragma once

#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <napi.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace unum
{

// Messages of an answer, headers checked.
using OnMessage = std::function<void(const nlmsghdr *message)>;

// Calls on_message for each entry of a dump. When the kernel says that the dump is not consistent,
// calls restart and asks again.
void netlink_dump(const std::string &subject, uint16_t type, uint8_t family,
		  const std::function<void()> &restart, const OnMessage &on_message);

// The same with a header of the caller's, of at most 64 bytes.
void netlink_dump_of(const std::string &subject, uint16_t type, const void *header, size_t size,
		     const std::function<void()> &restart, const OnMessage &on_message);

// A question with one answer, or a request that is only acknowledged. The request's size is counted
// by libmnl. Returns 0 or the positive errno of the kernel's refusal.
int netlink_ask(const std::string &subject, nlmsghdr *request, const OnMessage &on_message,
		int protocol = NETLINK_ROUTE);

// An IPv4 or IPv6 address in wire order.
struct Address {
	uint8_t family; // AF_INET, AF_INET6
	uint8_t length;
	uint8_t bytes[16];

	static Address parse(const Napi::Value &value, const char *name);
};

// Objects for JavaScript.
Napi::Object link_object(Napi::Env env, const nlmsghdr *message);
Napi::Value address_object(Napi::Env env, const nlmsghdr *message);
Napi::Object route_object(Napi::Env env, const nlmsghdr *message);
Napi::Value neighbour_object(Napi::Env env, const nlmsghdr *message);

// A number that a generic message has as an attribute.
template <class Number> std::optional<Number> generic_number(const nlmsghdr *message, int type);

// netPrograms(ifindex): what runs at the hooks of interfaces.
Napi::Value net_programs(const Napi::CallbackInfo &info);

// Adds links, addresses, routeTo, neighbours, neighbour, probeNeighbour, sendFrame,
// xdpTakesRedirects, netPrograms.
void export_netlink(Napi::Env env, Napi::Object exports);

} // namespace unum
