/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * encapsulate.h - make room in front of the inner packet, call the writers, send.
 *
 *   before  [Ethernet][inner IPv4 …]            or  [outer headers][Ethernet][inner IPv4 …]
 *   after   [Ethernet][IPv4][UDP][VXLAN][Ethernet][inner IPv4 …]
 */
#ifndef UNUM_ENCAPSULATE_H
#define UNUM_ENCAPSULATE_H

#include "inner.h"
#include "outer.h"
#include "verdict.h"
#include "vxlan.h"

#define ENTROPY_PORT_FIRST 49152
#define ENTROPY_PORT_MASK 0x3fff

/* Ethernet padding, or whatever else a sender put behind the packet, does not travel on. */
static __always_inline int trim_frame(struct xdp_md *ctx, const struct packet *packet)
{
	__u32 wanted = packet->ethernet + ETHERNET_BYTES + packet->length;

	if (packet->frame_bytes <= wanted)
		return 0;
	return bpf_xdp_adjust_tail(ctx, (int)(wanted - packet->frame_bytes));
}

/* The largest inner packet that fits through tunnel. */
static __always_inline __u32 tunnel_inner_mtu(const struct tunnel *tunnel, struct profile profile)
{
	__u32 mtu = tunnel->mtu;

	if (profile.mtu && profile.mtu < mtu)
		mtu = profile.mtu;
	return mtu < TUNNEL_OVERHEAD_BYTES ? 0 : mtu - TUNNEL_OVERHEAD_BYTES;
}

/* RFC 2983 uniform or pipe model for DSCP, RFC 6040 section 4.1 for ECN. */
static __always_inline __u8 outer_tos(const struct packet *packet, struct profile profile)
{
	__u8 dscp = profile.dscp == PROFILE_DSCP_COPY ? packet->tos & 0xfc : profile.dscp << 2;
	__u8 ecn = profile.flags & PROFILE_ECN_COMPATIBILITY ? 0 : packet->tos & 0x03;

	return dscp | ecn;
}

static __always_inline __be16 entropy_port(const struct packet *packet, struct profile profile)
{
	__u64 hash = packet->hash;

	if (profile.flags & PROFILE_ENTROPY_L3)
		hash = flow_hash(packet->source, packet->destination, packet->protocol, 0);
	return bpf_htons(ENTROPY_PORT_FIRST | (hash & ENTROPY_PORT_MASK));
}

/* Puts the packet, which fits, into the tunnel of packet->to and sends it. */
static __always_inline outcome encapsulate(struct xdp_md *ctx, struct packet *packet,
					   const struct tunnel *tunnel, struct profile profile)
{
	__u32 zero = 0, outer_length = packet->length + TUNNEL_OVERHEAD_BYTES;
	const struct edge *edge_entry = bpf_map_lookup_elem(&edge, &zero);
	const __u8 *inner_destination = packet->has_mac ? packet->mac : tunnel->overlay_mac;
	bool dont_fragment = profile.flags & PROFILE_DONT_FRAGMENT;
	struct cursor cursor;
	outcome end;
	void *frame;

	if (!edge_entry || !edge_entry->valid)
		return OUTCOME_DROP(DROP_INVALID_ENTRY);
	if (trim_frame(ctx, packet))
		return OUTCOME_DROP(DROP_MALFORMED);
	if (packet->ethernet != OUTER_BYTES &&
	    bpf_xdp_adjust_head(ctx, (int)packet->ethernet - OUTER_BYTES))
		return OUTCOME_DROP(DROP_NO_HEADROOM);

	cursor = cursor_at(ctx, 0);
	frame = cursor_take(&cursor, OUTER_BYTES + ETHERNET_BYTES + IPV4_BYTES);
	if (!frame)
		return OUTCOME_DROP(DROP_MALFORMED);
	write_ethernet(frame, tunnel->next_hop_mac, tunnel->source_mac);
	write_ipv4(frame + ETHERNET_BYTES, tunnel->local[0], tunnel->remote[0], IPPROTO_UDP,
		   outer_length, outer_tos(packet, profile), profile.ttl, dont_fragment,
		   dont_fragment ? 0 : bpf_get_prandom_u32());
	write_udp(frame + ETHERNET_BYTES + IPV4_BYTES, entropy_port(packet, profile), profile.port,
		  outer_length - IPV4_BYTES);
	write_vxlan(frame + ETHERNET_BYTES + IPV4_BYTES + UDP_BYTES, packet->vni);
	write_ethernet(frame + OUTER_BYTES, inner_destination, edge_entry->mac);
	rewrite_inner(frame + OUTER_BYTES + ETHERNET_BYTES, packet->tos, !packet->originated);

	end = verdict_send(packet, tunnel->ifindex, tunnel->transmit);
	if (verdict_is_sent(end))
		count_towards_endpoint(packet, packet->to, ETHERNET_BYTES + outer_length);
	return end;
}

#endif
