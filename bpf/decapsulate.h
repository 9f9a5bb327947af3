/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * decapsulate.h - underlay port: is this a tunnel packet for us, and may it say what it says?
 *
 * Nothing is stripped here. A packet that passes every check leaves with packet->network at its inner
 * IP header; the step that sends it takes the outer headers off.
 *
 * What match.h found to be for one of our tunnels must be right in itself, or it is dropped by name:
 * its tunnel header, a member of the virtual network, an inner source that may come from there.
 */
#ifndef UNUM_DECAPSULATE_H
#define UNUM_DECAPSULATE_H

#include "geneve.h"
#include "inner.h"
#include "lookup.h"
#include "match.h"
#include "mss.h"
#include "nvgre.h"
#include "outer.h"
#include "path_mtu.h"
#include "udp_checksum.h"
#include "vxlan.h"

/* RFC 6040 section 4.2: what the inner packet says about congestion after decapsulation. */
static __always_inline outcome combine_ecn(struct packet *packet, __u8 outer_ecn)
{
	__u8 ecn = packet->tos & 0x03;

	if (ecn == 0)
		return outer_ecn == 3 ? OUTCOME_DROP(DROP_CONGESTION) : OUTCOME_CONTINUE;
	if (outer_ecn == 3)
		packet->tos |= 0x03;
	else if (outer_ecn == 1 && ecn == 2)
		packet->tos = (packet->tos & 0xfc) | 1;
	return OUTCOME_CONTINUE;
}

/* The tunnel header, of any format: the network, and where the inner packet begins. */
__noinline outcome read_format(struct xdp_md *ctx, struct packet *packet, const struct outer *outer)
{
	struct cursor cursor;
	__u32 bytes = VXLAN_BYTES;
	const void *header;
	outcome end;

	if (!packet || !outer)
		return OUTCOME_DROP(DROP_INVALID_ENTRY);
	cursor = cursor_at(ctx, outer->header & NETWORK_MASK);
	if (features.geneve && outer->encapsulation == ENCAPSULATION_GENEVE) {
		end = read_geneve(&cursor, outer->end - outer->header - ETHERNET_BYTES,
				  &packet->vni, &bytes);
	} else {
		header = cursor_take(&cursor, VXLAN_BYTES);
		if (!header)
			return OUTCOME_DROP(DROP_MALFORMED);
		if (features.nvgre && outer->encapsulation == ENCAPSULATION_NVGRE)
			end = read_nvgre(header, &packet->vni);
		else if (outer->encapsulation == ENCAPSULATION_VXLAN)
			end = read_vxlan(header, &packet->vni)
				      ? OUTCOME_CONTINUE
				      : OUTCOME_DROP(DROP_BAD_TUNNEL_HEADER);
		else
			end = OUTCOME_DROP(DROP_INVALID_ENTRY);
	}
	packet->network = outer->header + bytes + ETHERNET_BYTES;
	return end;
}

/* May this inner source come from packet->from? docs/packet-path.md, source check. */
static __always_inline outcome check_source(const struct packet *packet, __u8 source_check,
					    bool inner6)
{
	union vm_value vm = {};
	struct route route = {};

	if (source_check == SOURCE_CHECK_OFF)
		return OUTCOME_CONTINUE;
	if (vm_find(packet, &packet->source, inner6, &vm)) {
		if (source_check == SOURCE_CHECK_MEMBER || vm.endpoint == packet->from ||
		    packet->from_gateway || endpoint_get(vm.endpoint).standby == packet->from ||
		    moved_recently(packet, &packet->source, inner6, packet->from))
			return OUTCOME_CONTINUE;
		return OUTCOME_DROP(DROP_SPOOFED_SOURCE);
	}
	if (route_find(packet, &packet->source, inner6, &route) && route.kind == ROUTE_KIND_GROUP)
		return OUTCOME_CONTINUE;
	return OUTCOME_DROP(DROP_SPOOFED_SOURCE);
}

/* The endpoint's right to speak in this virtual network, and the tenant it speaks to. */
static __always_inline outcome check_member(struct packet *packet, __u8 *source_check)
{
	struct member_slot member = {};
	struct endpoint endpoint;
	struct tenant tenant;

	if (!member_find(packet->vni, packet->from, &member) ||
	    (member.until && bpf_ktime_get_ns() >> 30 >= member.until))
		return OUTCOME_DROP(DROP_NOT_A_MEMBER);
	tenant = tenant_get(member.tenant);
	endpoint = endpoint_get(packet->from);
	if (!(tenant.flags & TENANT_VALID) || endpoint.state == ENDPOINT_STATE_INVALID)
		return OUTCOME_DROP(DROP_INVALID_ENTRY);
	packet->tenant = member.tenant;
	packet->from_gateway = endpoint.kind == ENDPOINT_KIND_GATEWAY;
	*source_check = tenant.source_check;
	return OUTCOME_CONTINUE;
}

/* The rest of an IPv6 packet's way through classify_tunnel. */
__noinline outcome accept_inner6(struct xdp_md *ctx, struct packet *packet, __u32 available,
				 __u8 source_check)
{
	outcome end = inner6_parse(ctx, packet, available);

	if (!packet)
		return OUTCOME_DROP(DROP_INVALID_ENTRY);
	return end ? end : check_source(packet, source_check, true);
}

/* What the profile of the sender asks of a packet from there, once it passed classify_tunnel. */
__noinline outcome apply_sender_profile(struct xdp_md *ctx, struct packet *packet,
					const struct outer *outer)
{
	union profile_word bits = {};
	const struct tunnel *tunnel;
	struct profile profile;
	__u32 slot;

	if (!packet || !outer)
		return OUTCOME_DROP(DROP_INVALID_ENTRY);
	slot = endpoint_get(packet->from).tunnel;
	tunnel = tunnel_get(slot);
	if (!tunnel)
		return OUTCOME_DROP(DROP_INVALID_ENTRY);
	profile = profile_get(tunnel->profile);
	bits.value = profile;
	if (features.udp_checksum && profile.flags & PROFILE_UDP_CHECKSUM &&
	    outer->encapsulation != ENCAPSULATION_NVGRE) {
		__u32 udp = (outer->header - UDP_BYTES) & NETWORK_MASK;
		struct cursor cursor = cursor_at(ctx, udp);
		struct udphdr *header = cursor_take(&cursor, sizeof(*header));

		if (!header || !header->check ||
		    udp_sum(ctx, udp, outer->end - udp, outer->family) != 0xffff)
			return OUTCOME_DROP(DROP_BAD_CHECKSUM);
	}
	if (features.dscp_uniform && profile.flags & PROFILE_DSCP_UNIFORM)
		packet->tos = (packet->tos & 0x03) | (outer->tos & 0xfc);
	if (features.mss_clamp && profile.flags & PROFILE_MSS_CLAMP)
		mss_limit(packet,
			  mss_of(tunnel_inner_mtu(slot, bits.word, packet->from), packet->inner6));
	return OUTCOME_CONTINUE;
}

/*
 * Behind the tunnel header, which named the network and where the inner packet begins: may this
 * endpoint say this there?
 */
static __always_inline outcome accept_inner(struct xdp_md *ctx, struct packet *packet,
					    const struct outer *outer)
{
	__u8 source_check = 0;
	outcome end = check_member(packet, &source_check);
	const struct ethhdr *inner;
	struct cursor cursor;

	if (end)
		return end;
	cursor = cursor_at(ctx, inner_ethernet(packet));
	inner = cursor_take(&cursor, sizeof(*inner));
	if (!inner || packet->network > outer->end)
		return OUTCOME_DROP(DROP_MALFORMED);
	if (mac_is_group(inner->h_dest))
		return OUTCOME_DROP(DROP_GROUP_MAC);
	if (ethertype_get(inner) == bpf_htons(ETH_P_IP)) {
		end = inner_parse(ctx, packet, outer->end);
		if (!end)
			end = check_source(packet, source_check, false);
	} else if (features.inner6 && ethertype_get(inner) == bpf_htons(ETH_P_IPV6)) {
		end = accept_inner6(ctx, packet, outer->end - packet->network, source_check);
	} else {
		return OUTCOME_DROP(DROP_UNSUPPORTED_INNER);
	}
	if (!end)
		end = combine_ecn(packet, outer->tos & 0x03);
	return end;
}

/* Any format and family but VXLAN over IPv4, which has the same inline. */
__noinline outcome accept_any(struct xdp_md *ctx, struct packet *packet, const struct outer *outer)
{
	return packet && outer ? accept_inner(ctx, packet, outer)
			       : OUTCOME_DROP(DROP_INVALID_ENTRY);
}

/*
 * A tunnel packet for us: its headers, its inner packet, and whether it may come from there. A function
 * of its own, so that its stack is given back before the packet goes on.
 */
__noinline outcome classify_tunnel(struct xdp_md *ctx, struct packet *packet, struct outer *outer)
{
	struct cursor cursor = cursor_at(ctx, 0);
	const struct ethhdr *ethernet = cursor_take(&cursor, sizeof(*ethernet));
	const struct vxlan_header *vxlan;
	outcome end;

	if (!packet || !outer || !ethernet || mac_is_group(ethernet->h_dest))
		return OUTCOME_PASS;
	if (ethertype_get(ethernet) == bpf_htons(ETH_P_IP))
		end = match_outer4(ctx, packet, outer);
	else if (features.outer6 && ethertype_get(ethernet) == bpf_htons(ETH_P_IPV6))
		end = match_outer6(ctx, packet, outer);
	else
		return OUTCOME_PASS;
	if (end)
		return end;
	if (outer->family != FAMILY_IPV4 || outer->encapsulation != ENCAPSULATION_VXLAN) {
		if (!features.outer6 && !features.geneve && !features.nvgre)
			return OUTCOME_DROP(DROP_INVALID_ENTRY);
		end = read_format(ctx, packet, outer);
		return end ? end : accept_any(ctx, packet, outer);
	}
	cursor = cursor_at(ctx, ETHERNET_BYTES + IPV4_BYTES + UDP_BYTES);
	vxlan = cursor_take(&cursor, VXLAN_BYTES);
	if (!vxlan)
		return OUTCOME_DROP(DROP_MALFORMED);
	if (!read_vxlan(vxlan, &packet->vni))
		return OUTCOME_DROP(DROP_BAD_TUNNEL_HEADER);
	packet->network = ETHERNET_BYTES + overhead_bytes(FAMILY_IPV4, ENCAPSULATION_VXLAN);
	return accept_inner(ctx, packet, outer);
}

#endif
