/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * mss.h - lower what a TCP connection offers to receive to what fits through its tunnel.
 *
 * For paths that lose the ICMP messages by which TCP would learn their size (RFC 2923). Only the
 * packets that open a connection carry the option (RFC 9293 section 3.7.1).
 */
#ifndef UNUM_MSS_H
#define UNUM_MSS_H

#include "inner.h"
#include "path_mtu.h"

#define TCP_BYTES 20
#define TCP_FLAG_SYN 0x02
#define TCP_OPTIONS_MAX 40
#define TCP_OPTION_END 0
#define TCP_OPTION_NOP 1
#define TCP_OPTION_MSS 2

struct tcp_header {
	__be16 ports[2];
	__be32 numbers[2];
	__u8 data_offset; /* upper half, in words */
	__u8 flags;
	__be16 window;
	__u16 checksum;
	__be16 urgent;
};

/* The largest segment of a packet of that many bytes. */
static __always_inline __u16 mss_of(__u32 inner_mtu, bool inner6)
{
	__u32 headers = (inner6 ? IPV6_BYTES : IPV4_BYTES) + TCP_BYTES;

	return inner_mtu > headers ? inner_mtu - headers : 1;
}

/* The sooner of two limits, 0 being none. */
static __always_inline void mss_limit(struct packet *packet, __u16 mss)
{
	if (!packet->mss || mss < packet->mss)
		packet->mss = mss;
}

/* A walk over the options, from TCP header to the value looked for. */
struct mss_walk {
	struct xdp_md *ctx;
	__u32 tcp; /* offset of the header */
	__u32 header_bytes;
	__u32 at;
	__u32 place; /* of the option's value, from the header; 0: not found */
};

static long mss_step(__u32 step __attribute__((unused)), void *context)
{
	struct mss_walk *walk = context;
	__u32 at = walk->at;
	struct cursor cursor = cursor_at(walk->ctx, (walk->tcp & 0x7fff) + (at & 0x3f));
	const __u8 *option = cursor_take(&cursor, 2);

	if (at + 2 > walk->header_bytes || !option || option[0] == TCP_OPTION_END)
		return 1;
	if (option[0] == TCP_OPTION_NOP) {
		walk->at = at + 1;
		return 0;
	}
	if (option[0] == TCP_OPTION_MSS) {
		if (option[1] == 4 && at + 4 <= walk->header_bytes)
			walk->place = at + 2;
		return 1;
	}
	walk->at = at + option[1];
	return option[1] < 2;
}

/* Lowers the option to packet->mss, where there is one above it. */
__noinline int mss_clamp(struct xdp_md *ctx, struct packet *packet)
{
	__u32 at, place, header_bytes;
	struct tcp_header *tcp;
	struct mss_walk walk = {.ctx = ctx, .at = TCP_BYTES};
	struct cursor cursor;
	__u8 *value;
	__u16 old, new, check;

	if (!packet || !packet->mss || is_fragment(packet))
		return 0;
	at = inner_network(packet) + (packet->header_bytes & 0x3fff);
	cursor = cursor_at(ctx, at);
	tcp = cursor_take(&cursor, sizeof(*tcp));
	if (!tcp || !(tcp->flags & TCP_FLAG_SYN))
		return 0;
	header_bytes = (tcp->data_offset >> 4) * 4;
	if (packet->header_bytes + header_bytes > packet->length)
		return 0;
	walk.tcp = at;
	walk.header_bytes = header_bytes;
	bpf_loop(TCP_OPTIONS_MAX, mss_step, &walk, 0);
	place = walk.place;
	if (!place)
		return 0;
	cursor = cursor_at(ctx, at);
	tcp = cursor_take(&cursor, sizeof(*tcp));
	cursor = cursor_at(ctx, at + (place & 0x3f));
	value = cursor_take(&cursor, 2);
	if (!tcp || !value)
		return 0;
	if ((value[0] << 8 | value[1]) <= packet->mss)
		return 0;
	/* The option may lie at an odd place: then its bytes count with their halves exchanged. */
	old = place & 1 ? value[1] << 8 | value[0] : value[0] << 8 | value[1];
	value[0] = packet->mss >> 8;
	value[1] = packet->mss & 0xff;
	new = place & 1 ? value[1] << 8 | value[0] : value[0] << 8 | value[1];
	check = checksum_replace(tcp->checksum, bpf_htons(old), bpf_htons(new));
	tcp->checksum = check;
	return 1;
}

/* Towards the endpoint of packet->tunnel, too, where its profile clamps. */
__noinline int mss_fit_tunnel(struct xdp_md *ctx, struct packet *packet, __u64 profile_bits)
{
	union profile_word profile = {.word = profile_bits};

	if (!packet)
		return 0;
	if (profile.value.flags & PROFILE_MSS_CLAMP)
		mss_limit(packet, mss_of(tunnel_inner_mtu(packet->tunnel, profile_bits, packet->to),
					 packet->inner6));
	return mss_clamp(ctx, packet);
}

#endif
