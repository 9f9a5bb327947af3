/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * match.h - is this a tunnel packet for us? By its outer headers alone.
 *
 * What is not addressed to one of our tunnel ports is the stack's. What is must match a configured
 * tunnel exactly, or it is dropped by name: exact source, destination, format and port.
 */
#ifndef UNUM_MATCH_H
#define UNUM_MATCH_H

#include "inner.h"
#include "liveness.h"
#include "lookup.h"

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

/* Tunnel packet or not, by addresses and port; a known source also names its endpoint. */
static __always_inline outcome match_tunnel(struct xdp_md *ctx, const struct iphdr *ip,
					    struct transport transport, struct packet *packet,
					    struct outer *outer)
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
	if (features.liveness && !transport.nvgre && is_liveness_port(transport.port) &&
	    (known || is_edge_address(ip->daddr)))
		return liveness_hear(ctx, ETHERNET_BYTES + ip->ihl * 4, known ? source.endpoint : 0,
				     ip->ttl);
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
		end = match_tunnel(ctx, ip, transport, packet, outer);
		/* Nobody's tunnel has IP options: RFC 7348 shows none, and they are an attack's tool. */
		return end ? end : OUTCOME_DROP(DROP_BAD_TUNNEL_HEADER);
	}
	transport = transport_read(cursor, ip->protocol);
	end = match_tunnel(ctx, ip, transport, packet, outer);
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
		if (features.liveness && !gre && is_liveness_port(port))
			return liveness_hear(ctx, ETHERNET_BYTES + IPV6_BYTES,
					     known ? source.fields.endpoint : 0, ip->hop_limit);
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

#endif
