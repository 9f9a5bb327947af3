/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* outer.h - writers of Ethernet, IPv4, IPv6 and UDP headers, each header whole. */
#ifndef UNUM_OUTER_H
#define UNUM_OUTER_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <linux/ipv6.h>
#include "checksum.h"
#include "config.h"
#include "cursor.h"
#include "packet.h"

static __always_inline void write_ethernet(struct ethhdr *ethernet, const __u8 *destination,
					   const __u8 *source, __u16 protocol)
{
	mac_copy(ethernet->h_dest, destination);
	mac_copy(ethernet->h_source, source);
	ethertype_set(ethernet, bpf_htons(protocol));
}

/* IEEE 802.1Q, after the addresses: what the tag says, and what follows it. */
struct vlan_tag {
	__be16 control;
	__be16 protocol;
};

/* The Ethernet header of a circuit's frame, with its tags. Its bytes: */
static __always_inline __u32 link_bytes(const struct circuit_record *record)
{
	__u32 bytes = ETHERNET_BYTES;

	if (features.vlan && record->vlan)
		bytes += record->inner_vlan ? 2 * VLAN_TAG_BYTES : VLAN_TAG_BYTES;
	return bytes;
}

/* Writes it at cursor. False where the frame is too short. */
static __always_inline bool write_link(struct cursor *cursor, const struct circuit_record *record,
				       const __u8 *destination, __u16 protocol)
{
	struct ethhdr *ethernet = cursor_take(cursor, sizeof(*ethernet));
	struct vlan_tag *tag;

	if (!ethernet)
		return false;
	write_ethernet(ethernet, destination, record->mac, protocol);
	if (!features.vlan || !record->vlan)
		return true;
	tag = cursor_take(cursor, sizeof(*tag));
	if (!tag)
		return false;
	ethertype_set(ethernet, record->tag);
	*tag = (struct vlan_tag){.control = record->vlan, .protocol = bpf_htons(protocol)};
	if (!record->inner_vlan)
		return true;
	tag->protocol = bpf_htons(ETH_P_8021Q);
	tag = cursor_take(cursor, sizeof(*tag));
	if (!tag)
		return false;
	*tag = (struct vlan_tag){.control = record->inner_vlan, .protocol = bpf_htons(protocol)};
	return true;
}

/* Identification 0 where fragments cannot be (RFC 6864 section 4.1), otherwise from identification. */
static __always_inline void write_ipv4(struct iphdr *ip, __be32 source, __be32 destination,
				       __u8 protocol, __u16 length, __u8 tos, __u8 ttl,
				       bool dont_fragment, __u16 identification)
{
	struct iphdr header = {
		.version = 4,
		.ihl = sizeof(header) / 4,
		.tos = tos,
		.tot_len = bpf_htons(length),
		.id = dont_fragment ? 0 : identification,
		.frag_off = dont_fragment ? bpf_htons(0x4000) : 0,
		.ttl = ttl,
		.protocol = protocol,
		.saddr = source,
		.daddr = destination,
	};

	header.check = checksum_ipv4(&header);
	*ip = header;
}

/* RFC 8200 section 3; flow: the flow label's 20 bits (RFC 6438). */
static __always_inline void write_ipv6(struct ipv6hdr *ip, const void *source,
				       const void *destination, __u8 next, __u16 payload,
				       __u8 class, __u8 hop_limit, __u32 flow)
{
	address_word *words = (address_word *)ip;

	words[0] = bpf_htonl(6U << 28 | (__u32) class << 20 | (flow & 0xfffff));
	words[1] = bpf_htonl((__u32)payload << 16 | (__u32)next << 8 | hop_limit);
	address6_copy(words + 2, source);
	address6_copy(words + 6, destination);
}

/* Checksum zero: RFC 7348 section 5 for IPv4, RFC 6935 for IPv6. udp_checksum.h adds one. */
static __always_inline void write_udp(struct udphdr *udp, __be16 source, __be16 destination,
				      __u16 length)
{
	*udp = (struct udphdr){
		.source = source,
		.dest = destination,
		.len = bpf_htons(length),
	};
}

/* Likewise for IPv6, which has no checksum: the class in the first word, the hop limit in the second. */
static __always_inline void rewrite_inner6(struct ipv6hdr *ip, __u8 class, bool lower_hop_limit)
{
	ip->priority = class >> 4;
	ip->flow_lbl[0] = class << 4 | (ip->flow_lbl[0] & 0x0f);
	if (lower_hop_limit)
		ip->hop_limit--;
}

/* Forwarding changes two words of the inner header: ECN in the first, TTL in the fifth. */
static __always_inline void rewrite_inner(struct iphdr *ip, __u8 tos, bool lower_ttl)
{
	if (tos != ip->tos) {
		__u16 old = bpf_htons((__u16)(0x40 | ip->ihl) << 8 | ip->tos);
		__u16 new = bpf_htons((__u16)(0x40 | ip->ihl) << 8 | tos);

		ip->check = checksum_replace(ip->check, old, new);
		ip->tos = tos;
	}
	if (lower_ttl) {
		__u32 check = ip->check + bpf_htons(0x0100);

		/* RFC 1141, with the one value that RFC 1624 corrects: 0xffff becomes 0. */
		ip->check = check + (check >= 0xffff);
		ip->ttl--;
	}
}

#endif
