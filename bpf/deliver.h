/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* deliver.h - to a circuit: take the outer headers off, address the frame to its peer, send. */
#ifndef UNUM_DELIVER_H
#define UNUM_DELIVER_H

#include "encapsulate.h"
#include "respond.h"

/* The MAC of the circuit's peer: configured, else learned. */
static __always_inline bool peer_mac(const struct packet *packet, struct circuit circuit,
				     const struct circuit_record *record, bool inner6, __u8 *mac)
{
	struct circuit_peer peer;

	if (circuit.flags & CIRCUIT_PEER_STATIC) {
		mac_copy(mac, record->peer_mac);
		return true;
	}
	peer = circuit_peer_get(packet->to_circuit, inner6);
	mac_copy(mac, peer.mac);
	return peer.heard;
}

/* The address that reaches every host of the circuit's subnet: not forwarded (RFC 2644). */
static __always_inline bool is_directed_broadcast(__be32 address,
						  const struct circuit_record *record)
{
	__u32 hosts;

	if (record->prefix_length >= 31)
		return false;
	hosts = 0xffffffffU >> (record->prefix_length & 31);
	return (bpf_ntohl(address) | hosts) == bpf_ntohl(address) &&
	       (bpf_ntohl(address) | hosts) == (bpf_ntohl(record->address) | hosts);
}

static __always_inline outcome deliver(struct xdp_md *ctx, struct packet *packet,
				       const struct circuit_record *record, const __u8 *mac,
				       bool inner6)
{
	__u32 link = link_bytes(record);
	struct cursor cursor;
	void *ip;

	if (features.mss_clamp && packet->protocol == IPPROTO_TCP)
		mss_clamp(ctx, packet);
	if (trim_frame(ctx, packet))
		return OUTCOME_DROP(DROP_MALFORMED);
	if (packet->network != link && bpf_xdp_adjust_head(ctx, (int)packet->network - (int)link))
		return OUTCOME_DROP(DROP_NO_HEADROOM);
	cursor = cursor_at(ctx, 0);
	if (!write_link(&cursor, record, mac, inner6 ? ETH_P_IPV6 : ETH_P_IP))
		return OUTCOME_DROP(DROP_MALFORMED);
	ip = cursor_take(&cursor, inner6 ? IPV6_BYTES : IPV4_BYTES);
	if (!ip)
		return OUTCOME_DROP(DROP_MALFORMED);
	if (inner6)
		rewrite_inner6(ip, packet->tos, !packet->originated);
	else
		rewrite_inner(ip, packet->tos, !packet->originated);
	return verdict_send(packet, record->ifindex, record->transmit);
}

#endif
