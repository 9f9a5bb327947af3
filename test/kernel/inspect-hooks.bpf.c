// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Programs that do nothing, for hooks of each kind that a link can hold. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define HOOK(section, name)                                                                        \
	SEC(section) int name(void *context)                                                       \
	{                                                                                          \
		return 0;                                                                          \
	}

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} walked SEC(".maps");

HOOK("raw_tp/xdp_exception", on_exception)
HOOK("tp_btf/xdp_exception", on_typed_exception)
HOOK("iter/task", each_task)
HOOK("iter/bpf_map_elem", each_element)
HOOK("iter/cgroup", each_cgroup)
HOOK("tc", at_traffic)

SEC("cgroup_skb/ingress")
int into_cgroup(struct __sk_buff *buffer)
{
	return 1;
}

SEC("flow_dissector")
int dissect(struct __sk_buff *buffer)
{
	return BPF_OK;
}

SEC("xdp")
int pass(struct xdp_md *xdp)
{
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
