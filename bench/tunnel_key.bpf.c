// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * tunnel_key.bpf.c - how tc does it: look the VM up, say which tunnel (bpf_skb_set_tunnel_key), lower
 * the TTL, and leave the rest to the kernel's VXLAN device.
 *
 * The least such a program can do: no circuits, no routes, no checks, no counters.
 */
#include "bench/frames.h"
#include <linux/pkt_cls.h>

struct vm {
	__be32 server;
	__u8 mac[ETH_ALEN];
	__u16 reserved;
};

/* By destination, in network order. The host sets the size. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __be32);
	__type(value, struct vm);
} vms SEC(".maps");

/* Element 0: the VXLAN device. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} device SEC(".maps");

SEC("tc")
int tunnel_key(struct __sk_buff *skb)
{
	struct inner *frame = (void *)(long)skb->data;
	struct bpf_tunnel_key key = {.tunnel_id = VNI, .tunnel_ttl = 64};
	const __u32 *ifindex;
	const struct vm *vm;
	__u32 zero = 0, check;
	__be32 address;

	if ((void *)(frame + 1) > (void *)(long)skb->data_end ||
	    frame->ethernet.h_proto != bpf_htons(ETH_P_IP) || frame->ip.ttl <= 1)
		return TC_ACT_OK;
	address = frame->ip.daddr;
	vm = bpf_map_lookup_elem(&vms, &address);
	ifindex = bpf_map_lookup_elem(&device, &zero);
	if (!vm || !ifindex)
		return TC_ACT_SHOT;
	__builtin_memcpy(frame->ethernet.h_source, frame->ethernet.h_dest, ETH_ALEN);
	__builtin_memcpy(frame->ethernet.h_dest, vm->mac, ETH_ALEN);
	check = frame->ip.check + bpf_htons(0x0100);
	frame->ip.check = check + (check >= 0xffff);
	frame->ip.ttl--;
	key.remote_ipv4 = bpf_ntohl(vm->server);
	if (bpf_skb_set_tunnel_key(skb, &key, sizeof(key), BPF_F_ZERO_CSUM_TX))
		return TC_ACT_SHOT;
	return bpf_redirect(*ifindex, 0);
}

char program_license[] SEC("license") = "Dual BSD/GPL";
