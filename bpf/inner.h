/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* inner.h - parse the inner IPv4 or IPv6 packet; nothing is changed. */
#ifndef UNUM_INNER_H
#define UNUM_INNER_H

#include <linux/in.h>
#include <linux/ipv6.h>
#include "checksum.h"
#include "config.h"
#include "cursor.h"
#include "packet.h"

#define IPV4_FRAGMENT_MASK 0x3fff /* more fragments, or an offset */
#define IPV4_OFFSET_MASK 0x1fff
#define IPV4_MORE_FRAGMENTS 0x2000
#define IPV4_DONT_FRAGMENT 0x4000

/* Next header values (RFC 8200 section 4). linux/in6.h has them behind a C library. */
enum next_header {
	NEXT_HOP_BY_HOP = 0,
	NEXT_ROUTING = 43,
	NEXT_FRAGMENT = 44,
	NEXT_AUTHENTICATION = 51,
	NEXT_ICMP6 = 58,
	NEXT_DESTINATION = 60,
};

/* Longer chains of extension headers are forwarded, by their addresses alone. */
#define EXTENSIONS_MAX 6

/* RFC 1812 section 5.3.7: addresses that no router forwards. Link-local is left to the tenant. */
static __always_inline bool is_martian_source(__be32 address)
{
	__u32 first = *(const __u8 *)&address;

	/* 0, or from 224 on: one comparison */
	return first - 1 >= 223 || first == 127;
}

static __always_inline bool is_link_local6(const union ip_address *address)
{
	return (address->words[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);
}

static __always_inline bool is_multicast6(const union ip_address *address)
{
	return (address->words[0] & bpf_htonl(0xff000000)) == bpf_htonl(0xff000000);
}

/* RFC 4291: unspecified, loopback, IPv4-mapped, link-local and multicast are not routed. */
static __always_inline bool is_martian6(const union ip_address *address)
{
	if (is_link_local6(address) || is_multicast6(address))
		return true;
	if (address->words[0] | address->words[1])
		return false;
	return address->words[2] == bpf_htonl(0xffff) ||
	       (!address->words[2] && bpf_ntohl(address->words[3]) <= 1);
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

static __always_inline __u64 hash_finish(__u64 hash, __u8 protocol, __u32 ports)
{
	hash ^= hash >> 29;
	hash += (__u64)ports << 8 | protocol;
	hash *= 0xbf58476d1ce4e5b9ULL;
	hash ^= hash >> 32;
	hash *= 0x94d049bb133111ebULL;
	return hash ^ (hash >> 31);
}

static __always_inline __u64 flow_hash(__be32 source, __be32 destination, __u8 protocol,
				       __u32 ports)
{
	return hash_finish(((__u64)source << 32 | destination) * 0x9e3779b97f4a7c15ULL, protocol,
			   ports);
}

static __always_inline __u64 flow_hash6(const union ip_address *source,
					const union ip_address *destination, __u8 protocol,
					__u32 ports)
{
	__u64 hash = 0;

#pragma unroll
	for (int i = 0; i < 4; i++) {
		hash ^= (__u64)source->words[i] << 32 | destination->words[i];
		hash *= 0x9e3779b97f4a7c15ULL;
		hash ^= hash >> 32;
	}
	return hash_finish(hash, protocol, ports);
}

/* The hash of the packet's flow; without ports where they are not to count. */
static __always_inline __u64 packet_hash(const struct packet *packet, bool inner6, __u32 ports)
{
	return inner6 ? flow_hash6(&packet->source, &packet->destination, packet->protocol, ports)
		      : flow_hash(packet->source.v4, packet->destination.v4, packet->protocol,
				  ports);
}

/* Reads the IPv4 packet at packet->network, in what ends at end; 0: in a frame not yet measured. */
static __always_inline outcome inner_parse(struct xdp_md *ctx, struct packet *packet, __u32 end)
{
	struct cursor cursor = cursor_at(ctx, inner_network(packet));
	struct iphdr *ip = cursor_take(&cursor, sizeof(*ip));
	__u64 sum;

	if (!ip || ip->version != 4 || ip->ihl < 5)
		return OUTCOME_DROP(DROP_MALFORMED);
	packet->header_bytes = ip->ihl * 4;
	packet->length = bpf_ntohs(ip->tot_len);
	if (!end) {
		measure_frame(ctx, packet, packet->network + packet->length);
		end = packet->frame_bytes;
	}
	if (packet->length < packet->header_bytes || packet->network + packet->length > end)
		return OUTCOME_DROP(DROP_MALFORMED);

	packet->source.v4 = ip->saddr;
	packet->destination.v4 = ip->daddr;
	packet->fragment = ip->frag_off;
	packet->tos = ip->tos;
	packet->ttl = ip->ttl;
	packet->protocol = ip->protocol;
	sum = checksum_ipv4_sum(ip);
	if (packet->header_bytes > IPV4_BYTES &&
	    !options_sum(&cursor, packet->header_bytes - IPV4_BYTES, &sum))
		return OUTCOME_DROP(DROP_MALFORMED);
	if (!checksum_is_right(sum))
		return OUTCOME_DROP(DROP_BAD_CHECKSUM);
	if (is_martian_source(packet->source.v4) || is_martian_source(packet->destination.v4))
		return OUTCOME_DROP(DROP_MARTIAN_ADDRESS);

	packet->hash = packet_hash(packet, false, flow_ports(&cursor, packet));
	return OUTCOME_CONTINUE;
}

struct extension_header {
	__u8 next;
	__u8 length;
	__be16 fragment;
	__u32 rest;
};

/* Walks to the header that names the flow. False: the chain ends outside of the packet. */
static __always_inline bool extensions_walk(struct xdp_md *ctx, struct packet *packet)
{
	__u32 at = IPV6_BYTES;
	__u8 next = packet->protocol;

#pragma clang loop unroll(disable)
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		struct cursor cursor = cursor_at(ctx, inner_network(packet) + (at & 0x3fff));
		const struct extension_header *header;
		__u32 bytes = 8;

		if (next != NEXT_HOP_BY_HOP && next != NEXT_ROUTING && next != NEXT_FRAGMENT &&
		    next != NEXT_AUTHENTICATION && next != NEXT_DESTINATION)
			break;
		header = cursor_take(&cursor, sizeof(*header));
		if (!header)
			return false;
		if (next == NEXT_FRAGMENT) {
			__u16 place = bpf_ntohs(header->fragment);

			packet->fragment |=
				bpf_htons(place >> 3 | (place & 1 ? IPV4_MORE_FRAGMENTS : 0));
		} else if (next == NEXT_AUTHENTICATION) {
			bytes = (header->length + 2) * 4;
		} else {
			bytes = (header->length + 1) * 8;
		}
		at += bytes;
		if (at > packet->length)
			return false;
		next = header->next;
		if (packet->fragment & bpf_htons(IPV4_OFFSET_MASK))
			break;
	}
	packet->protocol = next;
	packet->header_bytes = at;
	return true;
}

/* The same as inner_parse for IPv6 (RFC 8200). Never fragmented by routers: as if with DF. */
__noinline outcome inner6_parse(struct xdp_md *ctx, struct packet *packet, __u32 available)
{
	struct ipv6hdr *ip;
	struct cursor cursor;

	if (!packet)
		return OUTCOME_DROP(DROP_INVALID_ENTRY);
	cursor = cursor_at(ctx, inner_network(packet));
	ip = cursor_take(&cursor, sizeof(*ip));
	if (!ip || ip->version != 6)
		return OUTCOME_DROP(DROP_MALFORMED);
	if (IPV6_BYTES + bpf_ntohs(ip->payload_len) > available)
		return OUTCOME_DROP(DROP_MALFORMED);
	packet->inner6 = true;
	packet->length = IPV6_BYTES + bpf_ntohs(ip->payload_len);
	packet->fragment = bpf_htons(IPV4_DONT_FRAGMENT);
	packet->tos = ip->priority << 4 | ip->flow_lbl[0] >> 4;
	packet->ttl = ip->hop_limit;
	packet->protocol = ip->nexthdr;
	address6_copy(&packet->source, &ip->saddr);
	address6_copy(&packet->destination, &ip->daddr);
	if (is_martian6(&packet->source) || is_martian6(&packet->destination))
		return OUTCOME_DROP(DROP_MARTIAN_ADDRESS);
	if (!extensions_walk(ctx, packet))
		return OUTCOME_DROP(DROP_MALFORMED);
	cursor = cursor_at(ctx, inner_network(packet) + (packet->header_bytes & 0x3fff));
	packet->hash = packet_hash(packet, true, flow_ports(&cursor, packet));
	return OUTCOME_CONTINUE;
}

#endif
