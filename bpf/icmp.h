/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * icmp.h - tell the sender of a packet that it could not be forwarded (RFC 792, 1122, 1191, 1812).
 *
 * The dropped packet becomes the answer in place: its start is what the answer quotes, so it is cut
 * to the 576 bytes that RFC 1812 section 4.3.2.3 allows and new headers go in front of it. It is
 * quoted as its sender sent it, since nothing was rewritten yet.
 *
 * Never an answer to an ICMP error, to a later fragment, to a group MAC or to an address that is no
 * single host's (RFC 1122 section 3.2.2; the last were dropped before). Limited per source.
 */
#ifndef UNUM_ICMP_H
#define UNUM_ICMP_H

#include "inner.h"
#include "outer.h"
#include "verdict.h"

/* RFC 792, and RFC 1191 for the MTU. linux/icmp.h needs a C library. */
struct icmp_header {
	__u8 type;
	__u8 code;
	__u16 checksum;
	__be16 unused; /* identifier of echo */
	__be16 mtu;    /* sequence number of echo */
};

enum icmp_type {
	ICMP_ECHO_REPLY = 0,
	ICMP_ECHO_REQUEST = 8,
	ICMP_TIMESTAMP = 13,
	ICMP_TIMESTAMP_REPLY = 14,
};

/* Type and code of the errors that a router of ours sends. */
enum icmp_error_kind {
	ICMP_FRAGMENTATION_NEEDED = 3 << 8 | 4,
	ICMP_TTL_EXPIRED = 11 << 8 | 0,
};

#define ICMP_QUOTE_MAX (576 - IPV4_BYTES - ICMP_BYTES)
#define REPLY_TTL 64

/* Per CPU and hashed source: so many at once, and then one an interval. */
#define REPLY_BURST 16
#define REPLY_INTERVAL_NS (50 * 1000 * 1000ULL)

static __always_inline bool reply_allowed(__u64 hash)
{
	__u32 index = hash & 0xff;
	struct reply_limit *limit = bpf_map_lookup_elem(&reply_limits, &index);
	__u64 now = bpf_ktime_get_ns(), elapsed;

	if (!limit)
		return false;
	elapsed = now - limit->last;
	if (elapsed >= REPLY_BURST * REPLY_INTERVAL_NS) {
		limit->tokens = REPLY_BURST;
		limit->last = now;
	} else if (elapsed >= REPLY_INTERVAL_NS) {
		__u64 earned = elapsed / REPLY_INTERVAL_NS;

		limit->tokens += earned;
		if (limit->tokens > REPLY_BURST)
			limit->tokens = REPLY_BURST;
		limit->last += earned * REPLY_INTERVAL_NS;
	}
	if (!limit->tokens)
		return false;
	limit->tokens--;
	return true;
}

/* Error messages get no error messages. */
static __always_inline bool is_icmp_query(__u8 type)
{
	return type == ICMP_ECHO_REQUEST || type == ICMP_ECHO_REPLY || type == ICMP_TIMESTAMP ||
	       type == ICMP_TIMESTAMP_REPLY;
}

static __always_inline bool may_be_told(struct xdp_md *ctx, const struct packet *packet)
{
	if (!packet->router_address || mac_is_group(packet->sender_mac))
		return false;
	if (packet->fragment & bpf_htons(IPV4_OFFSET_MASK))
		return false;
	if (packet->protocol == IPPROTO_ICMP) {
		struct cursor cursor = cursor_at(ctx, inner_ethernet(packet) + ETHERNET_BYTES +
							      (packet->header_bytes & 0x3f));
		__u8 *type = cursor_take(&cursor, sizeof(*type));

		if (packet->length <= packet->header_bytes || !type || !is_icmp_query(*type))
			return false;
	}
	return reply_allowed(flow_hash(packet->source, packet->tenant, 0, 0));
}

/* The sum over a frame from offset to its end, which trimming has put close. */
static __always_inline __u64 sum_to_end(struct xdp_md *ctx, __u32 offset)
{
	struct cursor cursor = cursor_at(ctx, offset);
	__u64 sum = 0;
	__u8 *byte;

#pragma clang loop unroll(disable)
	for (int i = 0; i < (ICMP_BYTES + ICMP_QUOTE_MAX) / 4; i++) {
		__u16 *words = cursor_take(&cursor, 4);

		if (!words)
			break;
		sum += words[0];
		sum += words[1];
	}
	/* Up to three bytes are left: the last odd one counts as the first half of a word. */
	for (int i = 0; i < 3; i++) {
		byte = cursor_take(&cursor, 1);
		if (!byte)
			break;
		sum += i & 1 ? bpf_htons(*byte) : bpf_htons((__u16)*byte << 8);
	}
	return sum;
}

/* Whom an answer is for. Read only when one is made: until then the frame itself says it. */
static __always_inline bool read_sender(struct xdp_md *ctx, struct packet *packet)
{
	struct cursor cursor = cursor_at(ctx, inner_ethernet(packet));
	struct ethhdr *ethernet = cursor_take(&cursor, sizeof(*ethernet));

	if (!ethernet)
		return false;
	mac_copy(packet->sender_mac, ethernet->h_source);
	mac_copy(packet->port_mac, ethernet->h_dest);
	return true;
}

/*
 * Turns the packet into an ICMP error about it, as a frame [Ethernet][IPv4][ICMP][quote] to its
 * sender, and makes packet describe that. False: it may not be told, or there is no room; nothing
 * that matters to a dropped packet has changed.
 */
static __always_inline bool icmp_error(struct xdp_md *ctx, struct packet *packet,
				       __u16 type_and_code, __u16 mtu)
{
	__u32 quote, wanted;
	struct cursor cursor;
	struct icmp_header *icmp;
	void *frame;

	if (!read_sender(ctx, packet) || !may_be_told(ctx, packet))
		return false;
	quote = packet->length;
	if (quote > ICMP_QUOTE_MAX)
		quote = ICMP_QUOTE_MAX;
	wanted = packet->ethernet + ETHERNET_BYTES + quote;
	if (packet->frame_bytes > wanted &&
	    bpf_xdp_adjust_tail(ctx, (int)(wanted - packet->frame_bytes)))
		return false;
	if (bpf_xdp_adjust_head(ctx, (int)packet->ethernet - IPV4_BYTES - ICMP_BYTES))
		return false;

	cursor = cursor_at(ctx, 0);
	frame = cursor_take(&cursor, ETHERNET_BYTES + IPV4_BYTES + ICMP_BYTES);
	if (!frame)
		return false;
	packet->ethernet = 0;
	packet->length = IPV4_BYTES + ICMP_BYTES + quote;
	packet->frame_bytes = ETHERNET_BYTES + packet->length;
	packet->destination = packet->source;
	packet->source = packet->router_address;
	packet->protocol = IPPROTO_ICMP;
	packet->tos = 0xc0; /* internetwork control: RFC 1812 section 4.3.2.5 */
	packet->hash = flow_hash(packet->source, packet->destination, IPPROTO_ICMP, 0);
	packet->originated = true;

	write_ethernet(frame, packet->sender_mac, packet->port_mac);
	write_ipv4(frame + ETHERNET_BYTES, packet->source, packet->destination, IPPROTO_ICMP,
		   packet->length, packet->tos, REPLY_TTL, false, bpf_get_prandom_u32());
	icmp = frame + ETHERNET_BYTES + IPV4_BYTES;
	*icmp = (struct icmp_header){
		.type = type_and_code >> 8,
		.code = type_and_code & 0xff,
		.mtu = bpf_htons(mtu),
	};
	icmp->checksum = ~checksum_fold(sum_to_end(ctx, ETHERNET_BYTES + IPV4_BYTES));
	return true;
}

#endif
