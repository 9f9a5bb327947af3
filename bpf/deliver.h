/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* deliver.h - to a circuit: take the outer headers off, address the frame to its peer, send. */
#ifndef UNUM_DELIVER_H
#define UNUM_DELIVER_H

#include "encapsulate.h"
#include "respond.h"

/* The MAC of the circuit's peer: configured, else learned. */
static __always_inline bool peer_mac(const struct packet *packet, struct circuit circuit,
				     const struct circuit_record *record, __u8 *mac)
{
	struct circuit_peer peer;

	if (circuit.flags & CIRCUIT_PEER_STATIC) {
		mac_copy(mac, record->peer_mac);
		return true;
	}
	peer = circuit_peer_get(packet->to_circuit);
	mac_copy(mac, peer.mac);
	return peer.known;
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
				       const struct circuit_record *record, const __u8 *mac)
{
	struct cursor cursor;
	void *frame;

	if (trim_frame(ctx, packet))
		return OUTCOME_DROP(DROP_MALFORMED);
	if (packet->ethernet && bpf_xdp_adjust_head(ctx, packet->ethernet))
		return OUTCOME_DROP(DROP_MALFORMED);
	cursor = cursor_at(ctx, 0);
	frame = cursor_take(&cursor, ETHERNET_BYTES + IPV4_BYTES);
	if (!frame)
		return OUTCOME_DROP(DROP_MALFORMED);
	write_ethernet(frame, mac, record->mac);
	rewrite_inner(frame + ETHERNET_BYTES, packet->tos, !packet->originated);
	return verdict_send(packet, record->ifindex, record->transmit);
}

#endif
