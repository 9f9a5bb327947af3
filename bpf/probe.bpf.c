// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * probe.bpf.c - does a port work? An object of its own, loaded for a moment while a port is attached:
 * nothing of it is pinned, and no packet of the packet path meets it.
 *
 *   unum_probe        stands on the new port, notes what comes, and lets it pass to the stack
 *   unum_probe_send   sends a frame of the host through the port by XDP, as the packet path will:
 *                     the host runs it on live frames (BPF_F_TEST_XDP_LIVE_FRAMES)
 *
 * The host asks neighbours for their MACs. An answer shows that both directions of the driver work.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ipv6.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "cursor.h"

/* Host order: host and BPF programs have the same. */
struct probe {
	__u32 ifindex; /* of the port; the host sets it */
	__u32 reserved;
	__u64 frames;  /* that came in */
	__u64 answers; /* of them, ARP replies and neighbour advertisements */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct probe);
} probes SEC(".maps");

#define TAGS_MAX 2

struct vlan_tag {
	__be16 id;
	__be16 type; /* of what follows */
};

/* RFC 826, to where it tells a question from an answer. */
struct arp_start {
	__be16 hardware;
	__be16 protocol;
	__u8 lengths[2];
	__be16 operation;
};
#define ARP_REPLY 2

/* RFC 4861 section 4.4, as far as it tells what it is. */
struct advertisement {
	__u8 type;
	__u8 code;
};
#define ND_NEIGHBOR_ADVERTISEMENT 136

static __always_inline bool is_answer(struct xdp_md *ctx)
{
	struct cursor cursor = cursor_at(ctx, 0);
	const struct ethhdr *ethernet = cursor_take(&cursor, sizeof(struct ethhdr));
	const struct advertisement *advertisement;
	const struct vlan_tag *tag;
	const struct ipv6hdr *ip;
	const struct arp_start *arp;
	__be16 type;

	if (!ethernet)
		return false;
	type = ethernet->h_proto;
	for (int i = 0; i < TAGS_MAX; i++) {
		if (type != bpf_htons(ETH_P_8021Q) && type != bpf_htons(ETH_P_8021AD))
			break;
		tag = cursor_take(&cursor, sizeof(struct vlan_tag));
		if (!tag)
			return false;
		type = tag->type;
	}
	if (type == bpf_htons(ETH_P_ARP)) {
		arp = cursor_take(&cursor, sizeof(struct arp_start));
		return arp && arp->operation == bpf_htons(ARP_REPLY);
	}
	if (type != bpf_htons(ETH_P_IPV6))
		return false;
	ip = cursor_take(&cursor, sizeof(struct ipv6hdr));
	if (!ip || ip->nexthdr != IPPROTO_ICMPV6)
		return false;
	advertisement = cursor_take(&cursor, sizeof(struct advertisement));
	return advertisement && advertisement->type == ND_NEIGHBOR_ADVERTISEMENT;
}

SEC("xdp.frags")
int unum_probe(struct xdp_md *ctx)
{
	struct probe *probe = bpf_map_lookup_elem(&probes, &(__u32){0});

	if (!probe)
		return XDP_PASS;
	__sync_fetch_and_add(&probe->frames, 1);
	if (is_answer(ctx))
		__sync_fetch_and_add(&probe->answers, 1);
	return XDP_PASS;
}

SEC("xdp.frags")
int unum_probe_send(struct xdp_md *ctx)
{
	struct probe *probe = bpf_map_lookup_elem(&probes, &(__u32){0});

	(void)ctx;
	return probe ? bpf_redirect(probe->ifindex, 0) : XDP_ABORTED;
}

char program_license[] SEC("license") = "Dual BSD/GPL";
