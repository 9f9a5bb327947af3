/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * select.h - choose a usable endpoint: the VM's server, else its standby, else the tenant's route.
 *
 * Choosing reads tables and writes no byte of the packet. An endpoint can take a packet when it is
 * not known to be down, when its next hop is resolved, and when the packet does not go back where
 * it came from, nor from one gateway to another (two gateways that each think the other knows would
 * pass it between them).
 *
 * A policy takes one of the two paths away: the VM's, its tenant's for the packet's DSCP, or its
 * tenant's at large, whichever says something first.
 */
#ifndef UNUM_SELECT_H
#define UNUM_SELECT_H

#include "liveness.h"
#include "lookup.h"

/* What of a packet decides which endpoints it may take. */
struct origin {
	__u16 from;
	bool from_gateway;
	__u8 policy;
};

static __always_inline struct origin origin_of(const struct packet *packet)
{
	return (struct origin){
		.from = packet->from,
		.from_gateway = packet->from_gateway,
		.policy = packet->policy,
	};
}

/* The policy of a packet to no VM, or to one that has none of its own. */
__noinline __u32 tenant_policy(__u32 index, __u8 tos)
{
	struct tenant tenant = tenant_get(index);
	const struct tenant_record *record;
	__u64 class = 1ULL << (tos >> 2 & 63);

	if (!(tenant.flags & TENANT_DSCP_POLICY))
		return tenant.policy;
	record = tenant_record_get(tenant.record);
	if (!record)
		return tenant.policy;
	if (record->direct_preferred & class)
		return PATH_POLICY_DIRECT_PREFERRED;
	if (record->direct_only & class)
		return PATH_POLICY_DIRECT_ONLY;
	if (record->gateway_only & class)
		return PATH_POLICY_GATEWAY_ONLY;
	return tenant.policy;
}

static __always_inline void decide_policy(struct packet *packet, __u8 of_vm)
{
	if (features.policy)
		packet->policy = of_vm ? of_vm : tenant_policy(packet->tenant, packet->tos);
}

static __always_inline bool is_forbidden(__u8 policy, __u8 kind)
{
	return (policy == PATH_POLICY_DIRECT_ONLY && kind == ENDPOINT_KIND_GATEWAY) ||
	       (policy == PATH_POLICY_GATEWAY_ONLY && kind == ENDPOINT_KIND_SERVER);
}

/* As far as anybody knows. An endpoint that nobody watches costs no further look. */
static __always_inline bool is_answering(struct endpoint endpoint, __u32 index)
{
	if (endpoint.state == ENDPOINT_STATE_UNKNOWN || endpoint.state == ENDPOINT_STATE_UP)
		return true;
	return features.liveness && endpoint.state == ENDPOINT_STATE_WATCHED &&
	       !liveness_is_stale(index);
}

/* Why an endpoint was refused; DROP_NONE: it was taken, and slot names its tunnel. */
static __always_inline __u32 select_refusal(struct origin origin, __u32 index,
					    const struct tunnel **tunnel, __u32 *slot)
{
	struct endpoint endpoint = endpoint_get(index);

	if (endpoint.state == ENDPOINT_STATE_INVALID)
		return DROP_INVALID_ENTRY;
	if (origin.from && (index == origin.from ||
			    (origin.from_gateway && endpoint.kind == ENDPOINT_KIND_GATEWAY)))
		return DROP_SPLIT_HORIZON;
	if (features.policy && is_forbidden(origin.policy, endpoint.kind))
		return DROP_POLICY;
	if (!is_answering(endpoint, index))
		return DROP_NO_PATH;
	*slot = endpoint.tunnel;
	*tunnel = tunnel_get(endpoint.tunnel);
	if (!*tunnel || (*tunnel)->transmit == TRANSMIT_NONE)
		return DROP_NO_NEXT_HOP;
	return DROP_NONE;
}

static __always_inline __u32 select_endpoint(struct packet *packet, __u32 index,
					     const struct tunnel **tunnel)
{
	packet->to = index;
	return select_refusal(origin_of(packet), index, tunnel, &packet->tunnel);
}

/* What a walk over a route group looks for, and what it found. */
struct group_walk {
	struct origin origin;
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
	__u32 at = walk->start + step, slot;

	if (!group)
		return 1;
	if (at >= group->count)
		at -= group->count;
	if (at >= ROUTE_GROUP_MAX)
		return 1;
	walk->endpoint = group->endpoints[at];
	walk->refusal = select_refusal(walk->origin, walk->endpoint, &tunnel, &slot);
	return !walk->refusal;
}

/*
 * The next usable member of a route group, tried from a place of the flow's own on. Returns the
 * endpoint, or its refusal shifted by 16.
 */
__noinline __u32 select_next(__u32 group_index, const struct packet *packet)
{
	const struct route_group *group = bpf_map_lookup_elem(&route_groups, &group_index);
	struct group_walk walk = {.group = group_index, .refusal = DROP_INVALID_ENTRY};
	__u32 count;

	if (!group || !packet)
		return DROP_INVALID_ENTRY << 16;
	count = group->count;
	if (!count || count > ROUTE_GROUP_MAX)
		return DROP_INVALID_ENTRY << 16;
	walk.origin = origin_of(packet);
	walk.start = ((packet->hash & 0xffffffff) * count) >> 32;
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
	if (!select_endpoint(packet, group->endpoints[at], tunnel))
		return DROP_NONE;

	next = select_next(index, packet);
	if (next >> 16)
		return next >> 16;
	return select_endpoint(packet, next, tunnel);
}

/* The direct path: the VM's server, else the standby that took over from it. */
static __always_inline __u32 select_direct(struct packet *packet, union vm_value vm,
					   const struct tunnel **tunnel)
{
	__u32 refusal = select_endpoint(packet, vm.endpoint, tunnel);

	if (refusal == DROP_NO_PATH || refusal == DROP_NO_NEXT_HOP) {
		__u16 standby = endpoint_get(vm.endpoint).standby;

		if (standby && !select_endpoint(packet, standby, tunnel))
			refusal = DROP_NONE;
	}
	if (!refusal)
		packet->vm = vm;
	return refusal;
}

/* A VM without a usable server is reached as any unknown address is, unless its policy forbids. */
static __always_inline bool may_take_route(const struct packet *packet, __u32 refusal)
{
	if (refusal == DROP_NO_ROUTE)
		return true;
	if (features.policy && packet->policy == PATH_POLICY_GATEWAY_ONLY)
		return refusal == DROP_POLICY;
	if (features.policy && packet->policy == PATH_POLICY_DIRECT_ONLY)
		return false;
	return refusal == DROP_NO_PATH || refusal == DROP_NO_NEXT_HOP;
}

#endif
