/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* inner.h - parse the inner IPv4 packet; nothing is changed. */
#ifndef UNUM_INNER_H
#define UNUM_INNER_H

#include <linux/in.h>
#include "checksum.h"
#include "cursor.h"
#include "packet.h"

#define IPV4_FRAGMENT_MASK 0x3fff /* more fragments, or an offset */
#define IPV4_OFFSET_MASK 0x1fff
#define IPV4_DONT_FRAGMENT 0x4000

/* RFC 1812 section 5.3.7: addresses that no router forwards. Link-local is left to the tenant. */
static __always_inline bool is_martian_source(__be32 address)
{
	__u32 first = *(const __u8 *)&address;

	/* 0, or from 224 on: one comparison */
	return first - 1 >= 223 || first == 127;
}

static __always_inline bool is_fragment(const struct packet *packet)
{
	return packet->fragment & bpf_htons(IPV4_FRAGMENT_MASK);
}

/* The sum over IPv4 options, 0 to 40 bytes; false when they are cut short. */
static __always_inline bool options_sum(struct cursor *cursor, __u32 bytes, __u64 *sum)
{
#pragma clang loop unroll(disable)
	for (__u32 at = 0; at < 40; at += 4) {
		__u16 *words;

		if (at >= bytes)
			break;
		words = cursor_take(cursor, 4);
		if (!words)
			return false;
		*sum += words[0];
		*sum += words[1];
	}
	return true;
}

/* Ports for the flow hash: only of a whole packet, only where the protocol has them first. */
static __always_inline __u32 flow_ports(struct cursor *cursor, const struct packet *packet)
{
	__u16 *ports;

	if (is_fragment(packet) || packet->length < packet->header_bytes + 4)
		return 0;
	switch (packet->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
	case IPPROTO_UDPLITE:
	case IPPROTO_DCCP:
		ports = cursor_take(cursor, 4);
		return ports ? ports[0] | (__u32)ports[1] << 16 : 0;
	default:
		return 0;
	}
}

static __always_inline __u64 flow_hash(__be32 source, __be32 destination, __u8 protocol,
				       __u32 ports)
{
	__u64 hash = ((__u64)source << 32 | destination) * 0x9e3779b97f4a7c15ULL;

	hash ^= hash >> 29;
	hash += (__u64)ports << 8 | protocol;
	hash *= 0xbf58476d1ce4e5b9ULL;
	hash ^= hash >> 32;
	hash *= 0x94d049bb133111ebULL;
	return hash ^ (hash >> 31);
}

/* Reads the packet behind the Ethernet header, of which available bytes came in. */
static __always_inline outcome inner_parse(struct xdp_md *ctx, struct packet *packet,
					   __u32 available)
{
	struct cursor cursor = cursor_at(ctx, inner_ethernet(packet) + ETHERNET_BYTES);
	struct iphdr *ip = cursor_take(&cursor, sizeof(*ip));
	__u64 sum;

	if (!ip || ip->version != 4 || ip->ihl < 5)
		return OUTCOME_DROP(DROP_MALFORMED);
	packet->header_bytes = ip->ihl * 4;
	packet->length = bpf_ntohs(ip->tot_len);
	if (packet->length < packet->header_bytes || packet->length > available)
		return OUTCOME_DROP(DROP_MALFORMED);

	packet->source = ip->saddr;
	packet->destination = ip->daddr;
	packet->fragment = ip->frag_off;
	packet->tos = ip->tos;
	packet->ttl = ip->ttl;
	packet->protocol = ip->protocol;
	sum = checksum_ipv4_sum(ip);
	if (packet->header_bytes > IPV4_BYTES &&
	    !options_sum(&cursor, packet->header_bytes - IPV4_BYTES, &sum))
		return OUTCOME_DROP(DROP_MALFORMED);
	if (checksum_fold(sum) != 0xffff)
		return OUTCOME_DROP(DROP_BAD_CHECKSUM);
	if (is_martian_source(packet->source) || is_martian_source(packet->destination))
		return OUTCOME_DROP(DROP_MARTIAN_ADDRESS);

	packet->hash = flow_hash(packet->source, packet->destination, packet->protocol,
				 flow_ports(&cursor, packet));
	return OUTCOME_CONTINUE;
}

#endif
