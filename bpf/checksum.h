/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* checksum.h - the Internet checksum (RFC 1071) and its incremental update (RFC 1624). */
#ifndef UNUM_CHECKSUM_H
#define UNUM_CHECKSUM_H

#include <linux/bpf.h>
#include <linux/ip.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

/* Of up to 2^16 words of 16 or 32 bits. */
static __always_inline __u16 checksum_fold(__u64 sum)
{
	sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

typedef __u32 __attribute__((may_alias)) checksum_word;

/*
 * The 20 bytes every IPv4 header has, as a sum not yet folded. In a frame they lie at an odd multiple
 * of two: loads of four bytes there are cheap on every processor that Linux lets do them.
 */
static __always_inline __u64 checksum_ipv4_sum(const struct iphdr *ip)
{
	const checksum_word *words = (const checksum_word *)ip;
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

/*
 * For a message of which one word becomes smaller by amount, both in network order (RFC 1141). Unlike
 * RFC 1624 this never makes a 0 of a message that is all zeros, where no receiver takes it.
 */
static __always_inline __u16 checksum_lower(__u16 check, __u16 amount)
{
	__u32 sum = (__u32)check + amount;

	return sum + (sum >> 16);
}

/* RFC 1624 equation 3, for one 16-bit word in network order. */
static __always_inline __u16 checksum_replace(__u16 check, __u16 old, __u16 new)
{
	return ~checksum_fold((__u64)(__u16)~check + (__u16)~old + new);
}

#endif
