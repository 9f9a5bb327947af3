/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * decapsulate.h - underlay port: is this a tunnel packet for us, and may it say what it says?
 *
 * Nothing is stripped here. A packet that passes every check leaves with packet->network at its inner
 * IP header; the step that sends it takes the outer headers off.
 *
 * What is not addressed to one of our tunnel ports is the stack's. What is must match a configured
 * tunnel exactly, or it is dropped by name: exact source, destination, format and port; a member of
 * the virtual network; an inner source that may come from there.
 */
#ifndef UNUM_DECAPSULATE_H
#define UNUM_DECAPSULATE_H

#include "geneve.h"
#include "inner.h"
#include "lookup.h"
#include "mss.h"
#include "nvgre.h"
#include "outer.h"
#include "path_mtu.h"
#include "udp_checksum.h"
#include "vxlan.h"

/* What the outer headers say. */
struct outer {
	__u32 header; /* offset of the tunnel header */
	__u32 end;    /* offset of the end of the outer packet */
	__u8 encapsulation;
	__u8 family;
	__u8 tos;
};

/* What the transport header says: UDP, or NVGRE, which has no ports. */
struct transport {
	bool nvgre;
	bool complete; /* false: cut short */
	__be16 port;   /* destination */
	__be16 length; /* of UDP */
};

static __always_inline struct transport transport_read(struct cursor cursor, __u8 protocol)
{
	struct transport transport = {.nvgre = features.nvgre && protocol == IPPROTO_GRE};
	const struct udphdr *udp = cursor_take(&cursor, sizeof(*udp));

	if (!udp)
		return transport;
	transport.complete = true;
	if (!transport.nvgre) {
		transport.port = udp->dest;
		transport.length = udp->len;
	}
	return transport;
}

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
static __always_inline outcome match_tunnel(const struct iphdr *ip, struct transport transport,
					    struct packet *packet, struct outer *outer)
{
	struct source4_slot source = {};
	bool known = source_find(ip->saddr, ip->daddr, &source);

	/* A later fragment has no port to look at. Between the ends of a tunnel it counts as its. */
	if (ip->frag_off & bpf_htons(IPV4_OFFSET_MASK))
		return known ? OUTCOME_DROP(DROP_TUNNEL_FRAGMENT) : OUTCOME_PASS;
	if (!transport.nvgre && !transport.complete)
		return OUTCOME_PASS;
	if (known && source.port == transport.port &&
	    (source.encapsulation == ENCAPSULATION_NVGRE) == transport.nvgre) {
		if (ip->frag_off & bpf_htons(IPV4_FRAGMENT_MASK))
			return OUTCOME_DROP(DROP_TUNNEL_FRAGMENT);
		packet->from = source.endpoint;
		outer->encapsulation = source.encapsulation;
		return OUTCOME_CONTINUE;
	}
	if (!service_find(ip->daddr, transport.port, transport.nvgre ? IPPROTO_GRE : IPPROTO_UDP))
		return OUTCOME_PASS;
	if (ip->frag_off & bpf_htons(IPV4_FRAGMENT_MASK))
		return OUTCOME_DROP(DROP_TUNNEL_FRAGMENT);
	return OUTCOME_DROP(known ? DROP_TUNNEL_MISMATCH : DROP_UNKNOWN_ENDPOINT);
}

/* The outer headers of an IPv4 packet. */
static __always_inline outcome match_outer4(struct xdp_md *ctx, struct packet *packet,
					    struct outer *outer)
{
	struct cursor cursor = cursor_at(ctx, ETHERNET_BYTES);
	const struct iphdr *ip = cursor_take(&cursor, sizeof(*ip));
	struct transport transport;
	__u32 length, header;
	outcome end;

	if (!ip || ip->version != 4 || ip->ihl < 5)
		return OUTCOME_PASS;
	if (ip->protocol != IPPROTO_UDP && !(features.nvgre && ip->protocol == IPPROTO_GRE))
		return OUTCOME_PASS;
	if (ip->ihl > 5) {
		transport =
			transport_read(cursor_at(ctx, ETHERNET_BYTES + ip->ihl * 4), ip->protocol);
		end = match_tunnel(ip, transport, packet, outer);
		/* Nobody's tunnel has IP options: RFC 7348 shows none, and they are an attack's tool. */
		return end ? end : OUTCOME_DROP(DROP_BAD_TUNNEL_HEADER);
	}
	transport = transport_read(cursor, ip->protocol);
	end = match_tunnel(ip, transport, packet, outer);
	if (end)
		return end;

	if (!transport.complete)
		return OUTCOME_DROP(DROP_MALFORMED);
	header = IPV4_BYTES + (transport.nvgre ? 0 : UDP_BYTES);
	length = bpf_ntohs(ip->tot_len);
	measure_frame(ctx, packet, ETHERNET_BYTES + length);
	if (length > packet->frame_bytes - ETHERNET_BYTES ||
	    length < header + VXLAN_BYTES + ETHERNET_BYTES ||
	    (!transport.nvgre && bpf_ntohs(transport.length) != length - IPV4_BYTES))
		return OUTCOME_DROP(DROP_MALFORMED);
	if (!checksum_is_right(checksum_ipv4_sum(ip)))
		return OUTCOME_DROP(DROP_BAD_CHECKSUM);
	outer->header = ETHERNET_BYTES + header;
	outer->end = ETHERNET_BYTES + length;
	outer->family = FAMILY_IPV4;
	outer->tos = ip->tos;
	return OUTCOME_CONTINUE;
}

/* The same for IPv6: exact source and destination first, then protocol and port. */
__noinline outcome match_outer6(struct xdp_md *ctx, struct packet *packet, struct outer *outer)
{
	struct cursor cursor = cursor_at(ctx, ETHERNET_BYTES);
	const struct ipv6hdr *ip = cursor_take(&cursor, sizeof(*ip));
	union service6_words service = {};
	union ip_address local, remote;
	union source6_words source = {};
	const struct udphdr *udp;
	__u32 payload, header;
	__be16 port = 0;
	bool gre, known;

	if (!packet || !outer || !ip || ip->version != 6)
		return OUTCOME_PASS;
	address6_copy(&local, &ip->daddr);
	address6_copy(&remote, &ip->saddr);
	service.words.value = service6_find(service6_key(0, 0), &local);
	if (!service.fields.tag)
		return OUTCOME_PASS;
	source.words.value = source6_find(service.fields.tag, &remote);
	known = source.words.value;
	gre = features.nvgre && ip->nexthdr == IPPROTO_GRE;
	if (ip->nexthdr != IPPROTO_UDP && !gre) {
		/* Between the ends of a tunnel there are no extension headers, and no fragments. */
		if (!known)
			return OUTCOME_PASS;
		if (ip->nexthdr == NEXT_FRAGMENT)
			return OUTCOME_DROP(DROP_TUNNEL_FRAGMENT);
		if (ip->nexthdr == NEXT_HOP_BY_HOP || ip->nexthdr == NEXT_ROUTING ||
		    ip->nexthdr == NEXT_DESTINATION)
			return OUTCOME_DROP(DROP_BAD_TUNNEL_HEADER);
		return OUTCOME_PASS;
	}
	udp = cursor_take(&cursor, sizeof(*udp));
	if (!udp)
		return OUTCOME_PASS;
	if (!gre)
		port = udp->dest;
	if (!known || source.fields.port != port ||
	    (source.fields.encapsulation == ENCAPSULATION_NVGRE) != gre) {
		if (!service6_find(service6_key(port, gre ? IPPROTO_GRE : IPPROTO_UDP), &local))
			return OUTCOME_PASS;
		return OUTCOME_DROP(known ? DROP_TUNNEL_MISMATCH : DROP_UNKNOWN_ENDPOINT);
	}

	header = gre ? 0 : UDP_BYTES;
	payload = bpf_ntohs(ip->payload_len);
	measure_frame(ctx, packet, ETHERNET_BYTES + IPV6_BYTES + payload);
	if (payload > packet->frame_bytes - ETHERNET_BYTES - IPV6_BYTES ||
	    payload < header + VXLAN_BYTES + ETHERNET_BYTES ||
	    (!gre && bpf_ntohs(udp->len) != payload))
		return OUTCOME_DROP(DROP_MALFORMED);
	packet->from = source.fields.endpoint;
	*outer = (struct outer){
		.header = ETHERNET_BYTES + IPV6_BYTES + header,
		.end = ETHERNET_BYTES + IPV6_BYTES + payload,
		.encapsulation = source.fields.encapsulation,
		.family = FAMILY_IPV6,
		.tos = ip->priority << 4 | ip->flow_lbl[0] >> 4,
	};
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

/* May this inner source come from packet->from? DESIGN: sourceCheck. */
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
