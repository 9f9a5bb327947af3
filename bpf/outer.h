/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* outer.h - writers of Ethernet, IPv4 and UDP headers, each header whole. */
#ifndef UNUM_OUTER_H
#define UNUM_OUTER_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include "checksum.h"

static __always_inline bool mac_equal(const __u8 *a, const __u8 *b)
{
	const mac_part *x = (const mac_part *)a, *y = (const mac_part *)b;

	return !((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]));
}

static __always_inline bool mac_is_group(const __u8 *mac)
{
	return mac[0] & 1;
}

static __always_inline bool mac_is_zero(const __u8 *mac)
{
	const mac_part *part = (const mac_part *)mac;

	return !(part[0] | part[1] | part[2]);
}

static __always_inline void write_ethernet(struct ethhdr *ethernet, const __u8 *destination,
					   const __u8 *source)
{
	mac_copy(ethernet->h_dest, destination);
	mac_copy(ethernet->h_source, source);
	ethernet->h_proto = bpf_htons(ETH_P_IP);
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

/* Checksum zero: RFC 7348 section 5 for IPv4. */
static __always_inline void write_udp(struct udphdr *udp, __be16 source, __be16 destination,
				      __u16 length)
{
	*udp = (struct udphdr){
		.source = source,
		.dest = destination,
		.len = bpf_htons(length),
	};
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
