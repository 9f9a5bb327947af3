/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * decapsulate.h - underlay port: is this a tunnel packet for us, and may it say what it says?
 *
 * Nothing is stripped here. A packet that passes every check leaves with packet->ethernet at its
 * inner Ethernet header; the step that sends it takes the outer headers off.
 *
 * What is not addressed to one of our tunnel ports is the stack's. What is must match a configured
 * tunnel exactly, or it is dropped by name: exact source, destination, format and port; a member of
 * the virtual network; an inner source that may come from there.
 */
#ifndef UNUM_DECAPSULATE_H
#define UNUM_DECAPSULATE_H

#include "inner.h"
#include "lookup.h"
#include "outer.h"
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

/* Tunnel packet or not, by addresses and port; a known source also names its endpoint. */
static __always_inline outcome match_tunnel(const struct iphdr *ip, const struct udphdr *udp,
					    struct packet *packet)
{
	struct source4_slot source;

	bool known = source_find(ip->saddr, ip->daddr, &source);

	/* A later fragment has no port to look at. Between the ends of a tunnel it counts as its. */
	if (ip->frag_off & bpf_htons(IPV4_OFFSET_MASK))
		return known ? OUTCOME_DROP(DROP_TUNNEL_FRAGMENT) : OUTCOME_PASS;
	if (!udp)
		return OUTCOME_PASS;
	if (known && source.port == udp->dest && source.encapsulation == ENCAPSULATION_VXLAN) {
		if (ip->frag_off & bpf_htons(IPV4_FRAGMENT_MASK))
			return OUTCOME_DROP(DROP_TUNNEL_FRAGMENT);
		packet->from = source.endpoint;
		return OUTCOME_CONTINUE;
	}
	if (!service_find(ip->daddr, udp->dest, IPPROTO_UDP))
		return OUTCOME_PASS;
	if (ip->frag_off & bpf_htons(IPV4_FRAGMENT_MASK))
		return OUTCOME_DROP(DROP_TUNNEL_FRAGMENT);
	return OUTCOME_DROP(known ? DROP_TUNNEL_MISMATCH : DROP_UNKNOWN_ENDPOINT);
}

/* May this inner source come from packet->from? DESIGN: sourceCheck. */
static __always_inline outcome check_source(const struct packet *packet, __u8 source_check)
{
	struct route4 route;
	struct vm4_slot vm;

	if (source_check == SOURCE_CHECK_OFF)
		return OUTCOME_CONTINUE;
	if (vm_find(packet->vni, packet->source, &vm)) {
		if (source_check == SOURCE_CHECK_MEMBER || vm.endpoint == packet->from ||
		    packet->from_gateway || endpoint_get(vm.endpoint).standby == packet->from ||
		    moved_recently(packet->vni, packet->source, packet->from))
			return OUTCOME_CONTINUE;
		return OUTCOME_DROP(DROP_SPOOFED_SOURCE);
	}
	if (route_find(packet->vni, packet->source, &route) && route.kind == ROUTE_KIND_GROUP)
		return OUTCOME_CONTINUE;
	return OUTCOME_DROP(DROP_SPOOFED_SOURCE);
}

/* The endpoint's right to speak in this virtual network, and the tenant it speaks to. */
static __always_inline outcome check_member(struct packet *packet, __u8 *source_check)
{
	struct member_slot member;
	struct endpoint endpoint;
	struct tenant tenant;

	if (!member_find(packet->vni, packet->from, &member) ||
	    (member.until && bpf_ktime_get_ns() >> 30 >= member.until))
		return OUTCOME_DROP(DROP_NOT_A_MEMBER);
	tenant = tenant_get(member.tenant);
	endpoint = endpoint_get(packet->from);
	if (!(tenant.flags & SLOT_USED) || endpoint.state == ENDPOINT_STATE_INVALID)
		return OUTCOME_DROP(DROP_INVALID_ENTRY);
	packet->tenant = member.tenant;
	packet->from_gateway = endpoint.kind == ENDPOINT_KIND_GATEWAY;
	*source_check = tenant.source_check;
	return OUTCOME_CONTINUE;
}

/* A tunnel packet for us: its headers, its inner packet, and whether it may come from there. */
static __always_inline outcome classify_tunnel(struct xdp_md *ctx, struct packet *packet)
{
	struct cursor cursor = cursor_at(ctx, 0);
	struct ethhdr *ethernet = cursor_take(&cursor, sizeof(*ethernet));
	__u32 length, outer_ecn;
	struct vxlan_header *vxlan;
	__u8 source_check = 0;
	struct ethhdr *inner;
	struct udphdr *udp;
	struct iphdr *ip;
	outcome end;

	if (!ethernet || ethernet->h_proto != bpf_htons(ETH_P_IP) || mac_is_group(ethernet->h_dest))
		return OUTCOME_PASS;
	ip = cursor_take(&cursor, sizeof(*ip));
	if (!ip || ip->version != 4 || ip->ihl < 5 || ip->protocol != IPPROTO_UDP)
		return OUTCOME_PASS;
	if (ip->ihl > 5) {
		struct cursor after_options = cursor_at(ctx, ETHERNET_BYTES + ip->ihl * 4);

		udp = cursor_take(&after_options, sizeof(*udp));
		end = match_tunnel(ip, udp, packet);
		/* Nobody's tunnel has IP options: RFC 7348 shows none, and they are an attack's tool. */
		return end ? end : OUTCOME_DROP(DROP_BAD_TUNNEL_HEADER);
	}
	udp = cursor_take(&cursor, sizeof(*udp));
	end = match_tunnel(ip, udp, packet);
	if (end)
		return end;

	/* match_tunnel goes on only with a UDP header; the verifier wants to hear it again. */
	vxlan = cursor_take(&cursor, VXLAN_BYTES + ETHERNET_BYTES);
	if (!udp || !vxlan)
		return OUTCOME_DROP(DROP_MALFORMED);
	inner = (void *)vxlan + VXLAN_BYTES;
	length = bpf_ntohs(ip->tot_len);
	if (length > packet->frame_bytes - ETHERNET_BYTES || length < TUNNEL_OVERHEAD_BYTES ||
	    bpf_ntohs(udp->len) != length - IPV4_BYTES)
		return OUTCOME_DROP(DROP_MALFORMED);
	if (checksum_fold(checksum_ipv4_sum(ip)) != 0xffff)
		return OUTCOME_DROP(DROP_BAD_CHECKSUM);
	if (!read_vxlan(vxlan, &packet->vni))
		return OUTCOME_DROP(DROP_BAD_TUNNEL_HEADER);
	end = check_member(packet, &source_check);
	if (end)
		return end;
	if (mac_is_group(inner->h_dest))
		return OUTCOME_DROP(DROP_GROUP_MAC);
	if (inner->h_proto != bpf_htons(ETH_P_IP))
		return OUTCOME_DROP(DROP_UNSUPPORTED_INNER);
	outer_ecn = ip->tos & 0x03;

	packet->ethernet = OUTER_BYTES;
	end = inner_parse(ctx, packet, length - TUNNEL_OVERHEAD_BYTES);
	if (end)
		return end;
	end = check_source(packet, source_check);
	if (end)
		return end;
	return combine_ecn(packet, outer_ecn);
}

#endif
