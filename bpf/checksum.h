/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* checksum.h - the Internet checksum (RFC 1071) and its incremental update (RFC 1624). */
#ifndef UNUM_CHECKSUM_H
#define UNUM_CHECKSUM_H

#include <linux/bpf.h>
#include <linux/ip.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

static __always_inline __u16 checksum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* The 20 bytes every IPv4 header has, as a sum not yet folded. Any alignment of four. */
static __always_inline __u64 checksum_ipv4_sum(const struct iphdr *ip)
{
	const __u16 *words = (const __u16 *)ip;
	__u64 sum = 0;

#pragma unroll
	for (int i = 0; i < (int)(sizeof(*ip) / sizeof(*words)); i++)
		sum += words[i];
	return sum;
}

/* For a header whose check field is zero. */
static __always_inline __u16 checksum_ipv4(const struct iphdr *ip)
{
	return ~checksum_fold(checksum_ipv4_sum(ip));
}

/* RFC 1624 equation 3, for one 16-bit word in network order. */
static __always_inline __u16 checksum_replace(__u16 check, __u16 old, __u16 new)
{
	return ~checksum_fold((__u64)(__u16)~check + (__u16)~old + new);
}

#endif
