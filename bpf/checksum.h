/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* checksum.h - the Internet checksum (RFC 1071) and its incremental update (RFC 1624). */
#ifndef UNUM_CHECKSUM_H
#define UNUM_CHECKSUM_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/ip.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "maps.h"

/* Of up to 2^16 words of 16 or 32 bits. */
static __always_inline __u16 checksum_fold(__u64 sum)
{
	sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Whether a sum over a header with its check field says that it is whole. Of up to 2^16 words of 32 bits. */
static __always_inline bool checksum_is_right(__u64 sum)
{
	sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
	/* A multiple of 0xffff: adding its halves once more gives 0xffff, and no other sum does. */
	return (sum & 0xffff) + (sum >> 16) == 0xffff;
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

/* Over the pseudo header of RFC 8200 section 8.1. */
static __always_inline __u64 checksum_pseudo6(const void *source, const void *destination,
					      __u8 next, __u32 length)
{
	const checksum_word *a = source, *b = destination;
	__u64 sum = (__u64)bpf_htonl(length) + bpf_htonl(next);

#pragma unroll
	for (int i = 0; i < 4; i++)
		sum += (__u64)a[i] + b[i];
	return sum;
}

#define FRAME_SUM_FAILED 0x10000
#define FRAME_SUM_STEPS (65536 / CHECKSUM_PIECE)

/* A walk over bytes of a frame, piece by piece. */
struct frame_walk {
	struct xdp_md *ctx;
	__u32 offset;
	__u32 length; /* still to go */
	__u32 sum;
	__u32 failed;
};

static long frame_step(__u32 step __attribute__((unused)), void *context)
{
	struct frame_walk *walk = context;
	__u64 bytes = walk->length < CHECKSUM_PIECE ? walk->length : CHECKSUM_PIECE;
	__u64 last = bytes - 1;
	__u32 zero = 0;
	struct checksum_piece *piece = bpf_map_lookup_elem(&checksum_pieces, &zero);
	__s64 sum;

	if (!bytes || !piece)
		return 1;
	walk->failed = 1;
	if (bytes < CHECKSUM_PIECE)
		__builtin_memset(piece->bytes, 0, sizeof(piece->bytes));
	/* Opaque, and not compared with 0: Linux 6.1 sees bounds in no other way. */
	asm volatile("" : "+r"(last));
	if (last >= CHECKSUM_PIECE ||
	    bpf_xdp_load_bytes(walk->ctx, walk->offset, piece->bytes, last + 1))
		return 1;
	sum = bpf_csum_diff(NULL, 0, (void *)piece->bytes, CHECKSUM_PIECE, walk->sum);
	if (sum < 0)
		return 1;
	walk->failed = 0;
	walk->sum = sum;
	walk->offset += bytes;
	walk->length -= bytes;
	return 0;
}

/*
 * The folded sum over length bytes of a frame from offset on, in whichever of its buffers they lie.
 * FRAME_SUM_FAILED where they are not there. For what is rare: the bytes are copied out.
 */
__noinline __u32 frame_sum(struct xdp_md *ctx, __u32 offset, __u32 length)
{
	struct frame_walk walk = {.ctx = ctx, .offset = offset, .length = length};

	bpf_loop(FRAME_SUM_STEPS, frame_step, &walk, 0);
	return walk.failed || walk.length ? FRAME_SUM_FAILED : checksum_fold(walk.sum);
}

#endif
