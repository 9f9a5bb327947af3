// SPDX-License-Identifier: Apache-2.0
// net_programs.cc - the programs at the hooks of interfaces, in the order in which the kernel lists
// them.
//
// tc has no list of all filters: they are asked for by what they hang on. That is each class of a
// device, each qdisc, the root, and both sides of clsact.
#include <bpf/bpf.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_bpf.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "arguments.hpp"
#include "fd.hpp"
#include "handle.hpp"
#include "netlink.hpp"
#include "netlink_attributes.hpp"

namespace unum
{

// Attributes by type, the last of each; nothing where there is none.
using Attributes = std::vector<const nlattr *>;

static auto keep_in(Attributes &found)
{
	return [&found](uint16_t type, const nlattr *attribute) {
		if (type < found.size())
			found[type] = attribute;
	};
}

static Attributes attributes_of(const nlmsghdr *message, size_t header, uint16_t max)
{
	Attributes found(max + 1u);
	each_attribute_of(message, header, keep_in(found));
	return found;
}

static Attributes attributes_in(const nlattr *nest, uint16_t max)
{
	Attributes found(max + 1u);
	each_nested(nest, keep_in(found));
	return found;
}

static std::string text_of(const nlattr *attribute)
{
	if (!attribute)
		return "";
	const char *text = static_cast<const char *>(mnl_attr_get_payload(attribute));
	return std::string(text, ::strnlen(text, mnl_attr_get_payload_len(attribute)));
}

static void set_number(Napi::Object object, const char *name, const nlattr *attribute)
{
	if (attribute && mnl_attr_get_payload_len(attribute) >= sizeof(uint32_t))
		object.Set(name, mnl_attr_get_u32(attribute));
}

static void set_text(Napi::Object object, const char *name, const nlattr *attribute)
{
	if (attribute)
		object.Set(name, text_of(attribute));
}

// ---- XDP -------------------------------------------------------------------------------------

struct Device {
	uint32_t ifindex;
	std::string name;
};

// Each mode in which a program runs there: more than one only where the driver's and the stack's hook
// are both taken.
static void add_xdp(Napi::Array list, const Device &device, const nlattr *nest)
{
	Napi::Env env = list.Env();
	Attributes xdp = attributes_in(nest, IFLA_XDP_MAX);
	if (!xdp[IFLA_XDP_ATTACHED])
		return;
	uint8_t mode = mnl_attr_get_u8(xdp[IFLA_XDP_ATTACHED]);
	if (mode == XDP_ATTACHED_NONE)
		return;
	Napi::Array programs = Napi::Array::New(env);
	auto add = [&](const char *name, int attribute) {
		if (!xdp[attribute])
			return;
		Napi::Object program = Napi::Object::New(env);
		program.Set("mode", name);
		set_number(program, "id", xdp[attribute]);
		programs[programs.Length()] = program;
	};
	bool multi = mode == XDP_ATTACHED_MULTI;
	if (multi || mode == XDP_ATTACHED_SKB)
		add("generic", multi ? IFLA_XDP_SKB_PROG_ID : IFLA_XDP_PROG_ID);
	if (multi || mode == XDP_ATTACHED_DRV)
		add("driver", multi ? IFLA_XDP_DRV_PROG_ID : IFLA_XDP_PROG_ID);
	if (multi || mode == XDP_ATTACHED_HW)
		add("offload", multi ? IFLA_XDP_HW_PROG_ID : IFLA_XDP_PROG_ID);
	Napi::Object entry = Napi::Object::New(env);
	entry.Set("ifindex", device.ifindex);
	entry.Set("name", device.name);
	entry.Set("multi", Napi::Boolean::New(env, multi));
	entry.Set("programs", programs);
	list[list.Length()] = entry;
}

static std::vector<Device> read_devices(Napi::Env env, uint32_t only, Napi::Array &xdp)
{
	std::vector<Device> devices;
	netlink_dump(
		"links", RTM_GETLINK, AF_PACKET,
		[&] {
			devices.clear();
			xdp = Napi::Array::New(env);
		},
		[&](const nlmsghdr *message) {
			if (mnl_nlmsg_get_payload_len(message) < sizeof(ifinfomsg))
				return;
			auto *link = static_cast<const ifinfomsg *>(mnl_nlmsg_get_payload(message));
			uint32_t ifindex = static_cast<uint32_t>(link->ifi_index);
			if (only && ifindex != only)
				return;
			Attributes found = attributes_of(message, sizeof(ifinfomsg), IFLA_MAX);
			devices.push_back({ifindex, text_of(found[IFLA_IFNAME])});
			if (found[IFLA_XDP])
				add_xdp(xdp, devices.back(), found[IFLA_XDP]);
		});
	return devices;
}

// ---- tc --------------------------------------------------------------------------------------

// What a filter can hang on.
struct Anchor {
	uint32_t handle;
	std::string kind;
};

using OnTraffic = std::function<void(const tcmsg &header, const Attributes &found)>;

static void traffic_dump(uint16_t type, uint32_t ifindex, uint32_t parent,
			 const std::function<void()> &restart, const OnTraffic &on_traffic)
{
	tcmsg header = {};
	header.tcm_family = AF_UNSPEC;
	header.tcm_ifindex = static_cast<int>(ifindex);
	header.tcm_parent = parent;
	netlink_dump_of("traffic control", type, &header, sizeof(header), restart,
			[&](const nlmsghdr *message) {
				if (mnl_nlmsg_get_payload_len(message) < sizeof(tcmsg))
					return;
				on_traffic(
					*static_cast<const tcmsg *>(mnl_nlmsg_get_payload(message)),
					attributes_of(message, sizeof(tcmsg), TCA_MAX));
			});
}

static std::vector<Anchor> read_anchors(uint32_t ifindex)
{
	std::vector<Anchor> classes, qdiscs;
	auto kind_of = [](const Attributes &found) {
		return found[TCA_KIND] ? text_of(found[TCA_KIND]) : std::string("unknown");
	};
	traffic_dump(
		RTM_GETTCLASS, ifindex, 0, [&] { classes.clear(); },
		[&](const tcmsg &header, const Attributes &found) {
			classes.push_back({header.tcm_handle, kind_of(found)});
		});
	// The kernel lists those of all devices; where this one has none of the handle, it has no filter.
	traffic_dump(
		RTM_GETQDISC, ifindex, 0, [&] { qdiscs.clear(); },
		[&](const tcmsg &header, const Attributes &found) {
			if (header.tcm_handle && kind_of(found) != "clsact")
				qdiscs.push_back({header.tcm_handle, kind_of(found)});
		});
	classes.insert(classes.end(), qdiscs.begin(), qdiscs.end());
	classes.push_back({TC_H_ROOT, "root"});
	classes.push_back({TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS), "clsact/ingress"});
	classes.push_back({TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS), "clsact/egress"});
	return classes;
}

static Napi::Array actions_of(Napi::Env env, const nlattr *nest)
{
	Napi::Array actions = Napi::Array::New(env);
	for (const nlattr *action : attributes_in(nest, TCA_ACT_MAX_PRIO)) {
		if (!action)
			continue;
		Attributes found = attributes_in(action, TCA_ACT_MAX);
		if (text_of(found[TCA_ACT_KIND]) != "bpf" || !found[TCA_ACT_OPTIONS])
			continue;
		Attributes options = attributes_in(found[TCA_ACT_OPTIONS], TCA_ACT_BPF_MAX);
		Napi::Object entry = Napi::Object::New(env);
		set_text(entry, "name", options[TCA_ACT_BPF_NAME]);
		set_number(entry, "id", options[TCA_ACT_BPF_ID]);
		actions[actions.Length()] = entry;
	}
	return actions;
}

static Napi::Value filter_of(Napi::Env env, const Device &device, const Anchor &anchor,
			     const Attributes &found)
{
	if (!found[TCA_OPTIONS] || text_of(found[TCA_KIND]) != "bpf")
		return env.Undefined();
	Attributes options = attributes_in(found[TCA_OPTIONS], TCA_BPF_MAX);
	Napi::Object entry = Napi::Object::New(env);
	entry.Set("ifindex", device.ifindex);
	entry.Set("name", device.name);
	entry.Set("kind", anchor.kind);
	set_text(entry, "programName", options[TCA_BPF_NAME]);
	set_number(entry, "programId", options[TCA_BPF_ID]);
	if (options[TCA_BPF_ACT])
		entry.Set("actions", actions_of(env, options[TCA_BPF_ACT]));
	return entry;
}

static void add_filters(Napi::Array list, const Device &device)
{
	Napi::Env env = list.Env();
	for (const Anchor &anchor : read_anchors(device.ifindex)) {
		std::vector<Napi::Value> filters;
		traffic_dump(
			RTM_GETTFILTER, device.ifindex, anchor.handle, [&] { filters.clear(); },
			[&](const tcmsg &, const Attributes &found) {
				Napi::Value filter = filter_of(env, device, anchor, found);
				if (!filter.IsUndefined())
					filters.push_back(filter);
			});
		for (Napi::Value filter : filters)
			list[list.Length()] = filter;
	}
}

// ---- all of it -------------------------------------------------------------------------------

// 0: none, or the kernel cannot tell.
static uint32_t flow_dissector()
{
	Fd fd(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
	if (!fd.valid())
		throw refused("open", "the network namespace of this process", errno);
	__u32 flags = 0, ids[1] = {}, count = 1;
	if (!bpf_prog_query(fd.get(), BPF_FLOW_DISSECTOR, 0, &flags, ids, &count))
		return count == 1 ? ids[0] : 0;
	if (errno == EINVAL)
		return 0;
	throw refused("query", "the flow dissector", errno, "CAP_NET_ADMIN");
}

// netPrograms(ifindex): those of that interface, or of all for 0.
Napi::Value net_programs(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	uint32_t only = u32_argument(info[0], "ifindex", 0, INT32_MAX);
	Napi::Object result = Napi::Object::New(env);
	Napi::Array xdp, traffic = Napi::Array::New(env);
	for (const Device &device : read_devices(env, only, xdp)) {
		try {
			add_filters(traffic, device);
		} catch (const Failure &failure) {
			// A kernel without tc has no filters.
			if (failure.error != EOPNOTSUPP)
				throw;
		}
	}
	result.Set("xdp", xdp);
	result.Set("traffic", traffic);
	result.Set("flowDissectorId", flow_dissector());
	return result;
}

} // namespace unum
