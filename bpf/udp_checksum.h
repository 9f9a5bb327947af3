/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * udp_checksum.h - the checksum of an outer UDP datagram, over all of its bytes (RFC 768, 8200).
 *
 * For profiles that ask for it. It looks at every byte: what costs least is not to ask (RFC 6935).
 */
#ifndef UNUM_UDP_CHECKSUM_H
#define UNUM_UDP_CHECKSUM_H

#include "outer.h"

/*
 * The folded sum over the datagram at offset and its pseudo header, the checksum field as it stands:
 * 0xffff where that is right. FRAME_SUM_FAILED: its bytes are not there.
 */
__noinline __u32 udp_sum(struct xdp_md *ctx, __u32 offset, __u32 length, __u32 family)
{
	__u32 sum = frame_sum(ctx, offset, length);
	const struct ipv6hdr *ip6;
	const struct iphdr *ip;
	struct cursor cursor;
	__u64 pseudo;

	if (sum == FRAME_SUM_FAILED)
		return sum;
	cursor = cursor_at(ctx, ETHERNET_BYTES);
	if (family == FAMILY_IPV6) {
		ip6 = cursor_take(&cursor, sizeof(*ip6));
		if (!ip6)
			return FRAME_SUM_FAILED;
		pseudo = checksum_pseudo6(&ip6->saddr, &ip6->daddr, IPPROTO_UDP, length);
	} else {
		ip = cursor_take(&cursor, sizeof(*ip));
		if (!ip)
			return FRAME_SUM_FAILED;
		pseudo = (__u64)ip->saddr + ip->daddr + bpf_htonl(IPPROTO_UDP << 16 | length);
	}
	return checksum_fold(pseudo + sum);
}

/* Completes the datagram of a frame that is ready otherwise, its checksum field zero. */
static __always_inline bool udp_checksum_write(struct xdp_md *ctx, __u32 family, __u32 length)
{
	__u32 offset = ETHERNET_BYTES + ip_bytes(family);
	__u32 sum = udp_sum(ctx, offset, length, family);
	struct cursor cursor = cursor_at(ctx, offset);
	struct udphdr *udp = cursor_take(&cursor, sizeof(*udp));
	__u16 check = ~sum;

	if (!udp || sum == FRAME_SUM_FAILED)
		return false;
	udp->check = check ? check : 0xffff;
	return true;
}

#endif
