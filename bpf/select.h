/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * select.h - choose a usable endpoint: the VM's server, else its standby, else the tenant's route.
 *
 * Choosing reads tables and writes no byte of the packet. An endpoint can take a packet when it is
 * not known to be down, when its next hop is resolved, and when the packet does not go back where
 * it came from, nor from one gateway to another (two gateways that each think the other knows would
 * pass it between them).
 */
#ifndef UNUM_SELECT_H
#define UNUM_SELECT_H

#include "lookup.h"

/* Why the last candidate was refused; DROP_NONE: it was taken. */
static __always_inline __u32 select_refusal(const struct packet *packet, __u32 index,
					    const struct tunnel **tunnel)
{
	struct endpoint endpoint = endpoint_get(index);

	if (endpoint.state == ENDPOINT_STATE_INVALID)
		return DROP_INVALID_ENTRY;
	if (packet->from && (index == packet->from ||
			     (packet->from_gateway && endpoint.kind == ENDPOINT_KIND_GATEWAY)))
		return DROP_SPLIT_HORIZON;
	if (endpoint.state != ENDPOINT_STATE_UP && endpoint.state != ENDPOINT_STATE_UNKNOWN)
		return DROP_NO_PATH;
	*tunnel = tunnel_get(endpoint.tunnel);
	if (!*tunnel || (*tunnel)->transmit == TRANSMIT_NONE)
		return DROP_NO_NEXT_HOP;
	return DROP_NONE;
}

/* What a walk over a route group looks for, and what it found. */
struct group_walk {
	struct packet packet; /* only where it came from */
	__u32 group;
	__u32 start;
	__u32 endpoint;
	__u32 refusal;
};

static long group_step(__u32 step, void *context)
{
	struct group_walk *walk = context;
	const struct route_group *group = bpf_map_lookup_elem(&route_groups, &walk->group);
	const struct tunnel *tunnel;
	__u32 at = walk->start + step;

	if (!group)
		return 1;
	if (at >= group->count)
		at -= group->count;
	if (at >= ROUTE_GROUP_MAX)
		return 1;
	walk->endpoint = group->endpoints[at];
	walk->refusal = select_refusal(&walk->packet, walk->endpoint, &tunnel);
	return !walk->refusal;
}

/*
 * The next usable member of a route group, tried from a place of the flow's own on. Returns the
 * endpoint, or its refusal shifted by 16.
 */
__noinline __u32 select_next(__u32 group_index, __u64 hash, __u16 from, __u8 from_gateway)
{
	const struct route_group *group = bpf_map_lookup_elem(&route_groups, &group_index);
	struct group_walk walk = {
		.packet = {.from = from, .from_gateway = from_gateway},
		.group = group_index,
		.refusal = DROP_INVALID_ENTRY,
	};
	__u32 count;

	if (!group)
		return DROP_INVALID_ENTRY << 16;
	count = group->count;
	if (!count || count > ROUTE_GROUP_MAX)
		return DROP_INVALID_ENTRY << 16;
	walk.start = ((hash & 0xffffffff) * count) >> 32;
	bpf_loop(count, group_step, &walk, 0);
	return walk.refusal ? walk.refusal << 16 : walk.endpoint & 0xffff;
}

/*
 * One of equal endpoints, by flow. When one goes, only its flows move: each takes another one,
 * chosen by other bits of its hash.
 */
static __always_inline __u32 select_from_group(struct packet *packet, __u32 index,
					       const struct tunnel **tunnel)
{
	const struct route_group *group = bpf_map_lookup_elem(&route_groups, &index);
	__u32 at, next;

	if (!group)
		return DROP_INVALID_ENTRY;
	at = ((packet->hash >> 32) * group->count) >> 32;
	if (at >= group->count || at >= ROUTE_GROUP_MAX)
		return DROP_INVALID_ENTRY;
	packet->to = group->endpoints[at];
	if (!select_refusal(packet, packet->to, tunnel))
		return DROP_NONE;

	next = select_next(index, packet->hash, packet->from, packet->from_gateway);
	if (next >> 16)
		return next >> 16;
	packet->to = next;
	return select_refusal(packet, next, tunnel);
}

/* The direct path: the VM's server, else the standby that took over from it. */
static __always_inline __u32 select_direct(struct packet *packet, const struct vm4_slot *vm,
					   const struct tunnel **tunnel)
{
	__u32 refusal;

	packet->to = vm->endpoint;
	refusal = select_refusal(packet, packet->to, tunnel);
	if (refusal == DROP_NO_PATH || refusal == DROP_NO_NEXT_HOP) {
		__u16 standby = endpoint_get(vm->endpoint).standby;

		if (standby) {
			packet->to = standby;
			if (!select_refusal(packet, standby, tunnel))
				refusal = DROP_NONE;
		}
	}
	if (!refusal) {
		mac_copy(packet->mac, vm->mac);
		packet->has_mac = true;
	}
	return refusal;
}

/* A VM without a usable server is reached as any unknown address is. */
static __always_inline bool may_take_route(__u32 refusal)
{
	return refusal == DROP_NO_ROUTE || refusal == DROP_NO_PATH || refusal == DROP_NO_NEXT_HOP;
}

#endif
