/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* verdict.h - send a frame, count it, return. Every packet is counted exactly once. */
#ifndef UNUM_VERDICT_H
#define UNUM_VERDICT_H

#include "lookup.h"

/* The finished frame leaves through ifindex; transmit is that of the port. */
static __always_inline outcome verdict_send(const struct packet *packet, __u32 ifindex,
					    __u8 transmit)
{
	if (ifindex == packet->ingress && transmit == TRANSMIT_DIRECT)
		return XDP_TX;
	if (bpf_redirect_map(&egress, ifindex, XDP_DROP) == XDP_REDIRECT)
		return XDP_REDIRECT;
	return OUTCOME_DROP(DROP_INVALID_ENTRY);
}

/* A frame made here goes back through the access port that its cause came in on. */
static __always_inline outcome verdict_answer(const struct packet *packet)
{
	return verdict_send(packet, packet->ingress, packet->transmit);
}

static __always_inline bool verdict_is_sent(outcome end)
{
	return end == XDP_TX || end == XDP_REDIRECT;
}

static __always_inline void count_towards_endpoint(const struct packet *packet, __u32 endpoint,
						   __u32 outer_bytes)
{
	__u32 tenant = packet->tenant;
	struct traffic_counters *counters = bpf_map_lookup_elem(&endpoint_counters, &endpoint);

	if (counters) {
		counters->tx_packets++;
		counters->tx_bytes += outer_bytes;
	}
	counters = bpf_map_lookup_elem(&tenant_counters, &tenant);
	if (counters) {
		counters->tx_packets++;
		counters->tx_bytes += packet->length;
	}
}

static __always_inline void count_from_endpoint(const struct packet *packet)
{
	__u32 endpoint = packet->from, tenant = packet->tenant;
	struct traffic_counters *counters = bpf_map_lookup_elem(&endpoint_counters, &endpoint);

	if (counters) {
		counters->rx_packets++;
		counters->rx_bytes += packet->received_bytes;
	}
	counters = bpf_map_lookup_elem(&tenant_counters, &tenant);
	if (counters) {
		counters->rx_packets++;
		counters->rx_bytes += packet->length;
	}
}

/* A frame of our own that took the place of a dropped packet: of the kind that counter counts. */
static __always_inline void count_own(bool solicitation)
{
	__u32 zero = 0;
	struct packet_counters *counters = bpf_map_lookup_elem(&packet_counters, &zero);

	if (!counters)
		return;
	if (solicitation)
		counters->solicitations++;
	else
		counters->icmp_errors++;
}

static __always_inline __u32 received_bytes(struct xdp_md *ctx, const struct packet *packet)
{
	return packet->received_bytes ? packet->received_bytes : bpf_xdp_get_buff_len(ctx);
}

static __always_inline int verdict_finish(struct xdp_md *ctx, const struct packet *packet,
					  outcome end)
{
	__u32 action = outcome_action(end), reason = outcome_reason(end), zero = 0;
	struct packet_counters *counters = bpf_map_lookup_elem(&packet_counters, &zero);

	if (counters) {
		counters->received++;
		if (reason)
			counters->dropped++;
		else if (end & OUTCOME_ANSWERED)
			counters->answered++;
		else if (action == XDP_PASS)
			counters->passed++;
		else
			counters->forwarded++;
	}
	if (reason) {
		struct drop_counter *drop = bpf_map_lookup_elem(&drop_counters, &reason);

		if (drop) {
			drop->packets++;
			drop->bytes += received_bytes(ctx, packet);
		}
	}
	return action;
}

#endif
