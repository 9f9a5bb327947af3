/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * encapsulate.h - make room in front of the inner packet, call the writers, send.
 *
 *   before  [Ethernet, tags][inner IP …]     or  [outer headers][Ethernet][inner IP …]
 *   after   [Ethernet][IP][UDP][VXLAN or Geneve][Ethernet][inner IP …]
 *           [Ethernet][IP][NVGRE][Ethernet][inner IP …]
 *
 * The one writer takes families and format as arguments. IPv4 in VXLAN over IPv4 is inlined where the
 * packet comes along; all other mixes are a function of their own, so that they cost that one nothing.
 */
#ifndef UNUM_ENCAPSULATE_H
#define UNUM_ENCAPSULATE_H

#include "geneve.h"
#include "inner.h"
#include "mss.h"
#include "outer.h"
#include "path_mtu.h"
#include "udp_checksum.h"
#include "verdict.h"
#include "vxlan.h"

/* Ethernet padding, or whatever else a sender put behind the packet, does not travel on. */
static __always_inline int trim_frame(struct xdp_md *ctx, const struct packet *packet)
{
	__u32 wanted = packet->network + packet->length;

	if (packet->frame_bytes <= wanted)
		return 0;
	return bpf_xdp_adjust_tail(ctx, (int)(wanted - packet->frame_bytes));
}

/* RFC 2983 uniform or pipe model for DSCP, RFC 6040 section 4.1 for ECN. */
static __always_inline __u8 outer_tos(const struct packet *packet, struct profile profile)
{
	__u8 dscp = profile.dscp == PROFILE_DSCP_COPY ? packet->tos & 0xfc : profile.dscp << 2;
	__u8 ecn = profile.flags & PROFILE_ECN_COMPATIBILITY ? 0 : packet->tos & 0x03;

	return dscp | ecn;
}

/* What spreads the flows of a tunnel: port, flow id and flow label are made of it. */
static __always_inline __u64 entropy(const struct packet *packet, struct profile profile,
				     bool inner6)
{
	return profile.flags & PROFILE_ENTROPY_L3 ? packet_hash(packet, inner6, 0) : packet->hash;
}

static __always_inline __be16 entropy_port(__u64 hash)
{
	return bpf_htons(ENTROPY_PORT_FIRST | (hash & ENTROPY_PORT_MASK));
}

static __always_inline void write_outer_ip(void *ip, const struct packet *packet,
					   const struct tunnel *tunnel, struct profile profile,
					   __u8 family, __u8 protocol, __u32 outer_length,
					   __u64 hash)
{
	bool dont_fragment = profile.flags & PROFILE_DONT_FRAGMENT;

	if (family == FAMILY_IPV6)
		write_ipv6(ip, tunnel->local, tunnel->remote, protocol, outer_length - IPV6_BYTES,
			   outer_tos(packet, profile), profile.ttl, hash);
	else
		write_ipv4(ip, tunnel->local[0], tunnel->remote[0], protocol, outer_length,
			   outer_tos(packet, profile), profile.ttl, dont_fragment,
			   dont_fragment ? 0 : bpf_get_prandom_u32());
}

/* Puts the packet, which fits, into the tunnel of packet->to and sends it. */
static __always_inline outcome encapsulate_as(struct xdp_md *ctx, struct packet *packet,
					      const struct tunnel *tunnel, struct profile profile,
					      __u8 family, bool nvgre, bool inner6)
{
	const __u32 format = ETHERNET_BYTES + ip_bytes(family);
	const __u32 outer = format + (nvgre ? NVGRE_BYTES : UDP_BYTES + VXLAN_BYTES);
	const __u32 network = outer + ETHERNET_BYTES;
	__u32 zero = 0, outer_length = packet->length + network - ETHERNET_BYTES;
	const struct edge *edge_entry = bpf_map_lookup_elem(&edge, &zero);
	union vm_value to = packet->vm;
	__u64 hash = entropy(packet, profile, inner6);
	struct cursor cursor;
	outcome end;
	void *frame;

	if (!edge_entry || !edge_entry->valid)
		return OUTCOME_DROP(DROP_INVALID_ENTRY);
	if (trim_frame(ctx, packet))
		return OUTCOME_DROP(DROP_MALFORMED);
	if (packet->network != network &&
	    bpf_xdp_adjust_head(ctx, (int)packet->network - (int)network))
		return OUTCOME_DROP(DROP_NO_HEADROOM);

	cursor = cursor_at(ctx, 0);
	frame = cursor_take(&cursor, network + IPV4_BYTES);
	if (!frame || (inner6 && !cursor_take(&cursor, IPV6_BYTES - IPV4_BYTES)))
		return OUTCOME_DROP(DROP_MALFORMED);
	write_ethernet(frame, tunnel->next_hop_mac, tunnel->source_mac,
		       family == FAMILY_IPV6 ? ETH_P_IPV6 : ETH_P_IP);
	write_outer_ip(frame + ETHERNET_BYTES, packet, tunnel, profile, family,
		       nvgre ? IPPROTO_GRE : IPPROTO_UDP, outer_length, hash);
	if (nvgre) {
		write_nvgre(frame + format, packet->vni, hash);
	} else {
		write_udp(frame + format, entropy_port(hash), profile.port,
			  outer_length - ip_bytes(family));
		if (profile.encapsulation == ENCAPSULATION_GENEVE && features.geneve)
			write_geneve(frame + format + UDP_BYTES, packet->vni);
		else
			write_vxlan(frame + format + UDP_BYTES, packet->vni);
	}
	if (!to.word)
		mac_copy(to.mac, tunnel->overlay_mac);
	write_ethernet(frame + outer, to.mac, edge_entry->mac, inner6 ? ETH_P_IPV6 : ETH_P_IP);
	if (inner6)
		rewrite_inner6(frame + network, packet->tos, !packet->originated);
	else
		rewrite_inner(frame + network, packet->tos, !packet->originated);
	end = verdict_send(packet, tunnel->ifindex, tunnel->transmit);
	if (!verdict_is_sent(end))
		return end;
	count_towards_endpoint(packet, packet->to, ETHERNET_BYTES + outer_length);
	/* By finish() in unum.bpf.c: from here, the stack would not reach as far as the sum's loop. */
	if (profile.flags & PROFILE_UDP_CHECKSUM && features.udp_checksum && !nvgre)
		packet->unsummed = family;
	return end;
}

/* Any mix, through the tunnel that packet->tunnel names, by a profile that was read before. */
__noinline outcome encapsulate_any(struct xdp_md *ctx, struct packet *packet, __u64 profile_bits)
{
	union profile_word profile = {.word = profile_bits};
	const struct tunnel *tunnel;
	bool nvgre = profile.value.encapsulation == ENCAPSULATION_NVGRE;

	if (!packet)
		return OUTCOME_DROP(DROP_INVALID_ENTRY);
	tunnel = tunnel_get(packet->tunnel);
	if (!tunnel || !profile.value.encapsulation ||
	    profile.value.encapsulation > ENCAPSULATION_NVGRE)
		return OUTCOME_DROP(DROP_INVALID_ENTRY);
		/* A constant family and kind each: what the frame's offsets are made of. */
#define ENCAPSULATE(feature, wanted_family, wanted_nvgre)                                          \
	if ((feature) && tunnel->family == (wanted_family) && nvgre == (wanted_nvgre))             \
		return encapsulate_as(ctx, packet, tunnel, profile.value, wanted_family,           \
				      wanted_nvgre, features.inner6 && packet->inner6);

	ENCAPSULATE(true, FAMILY_IPV4, false)
	ENCAPSULATE(features.nvgre, FAMILY_IPV4, true)
	ENCAPSULATE(features.outer6, FAMILY_IPV6, false)
	ENCAPSULATE(features.outer6 && features.nvgre, FAMILY_IPV6, true)
#undef ENCAPSULATE
	return OUTCOME_DROP(DROP_INVALID_ENTRY);
}

/* The tunnel is packet->tunnel's; the packet fits. */
static __always_inline outcome encapsulate(struct xdp_md *ctx, struct packet *packet,
					   const struct tunnel *tunnel, struct profile profile,
					   bool inner6)
{
	union profile_word bits = {.value = profile};

	if (packet->protocol == IPPROTO_TCP && features.mss_clamp)
		mss_fit_tunnel(ctx, packet, bits.word);
	if (!inner6 && tunnel->family == FAMILY_IPV4 &&
	    profile.encapsulation == ENCAPSULATION_VXLAN)
		return encapsulate_as(ctx, packet, tunnel, profile, FAMILY_IPV4, false, false);
	return encapsulate_any(ctx, packet, bits.word);
}

#endif
