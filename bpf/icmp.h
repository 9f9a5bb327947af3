/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * icmp.h - tell the sender of a packet that it could not be forwarded (RFC 792, 1122, 1191, 1812 for
 * IPv4; RFC 4443, 8201 for IPv6).
 *
 * The dropped packet becomes the answer in place: its start is what the answer quotes, so it is cut
 * to the 576 bytes that RFC 1812 section 4.3.2.3 allows, or the 1280 of RFC 4443 section 2.4, and new
 * headers go in front of it. It is quoted as its sender sent it, since nothing was rewritten yet.
 *
 * Never an answer to an ICMP error, to a later IPv4 fragment, to a group MAC or to an address that is
 * no single host's (RFC 1122 section 3.2.2; the last were dropped before). Limited per source.
 */
#ifndef UNUM_ICMP_H
#define UNUM_ICMP_H

#include "icmp_message.h"
#include "inner.h"
#include "outer.h"
#include "verdict.h"

#define ICMP_QUOTE_MAX (576 - IPV4_BYTES - ICMP_BYTES)
#define ICMP6_QUOTE_MAX (1280 - IPV6_BYTES - ICMP_BYTES)
#define REPLY_TTL 64
#define TOS_INTERNETWORK_CONTROL 0xc0 /* RFC 1812 section 4.3.2.5 */

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
static __always_inline bool is_icmp_query(__u8 type, bool inner6)
{
	if (inner6)
		return type >= ICMP6_QUERY_FIRST && type != ICMP6_REDIRECT;
	return type == ICMP_ECHO_REQUEST || type == ICMP_ECHO_REPLY || type == ICMP_TIMESTAMP ||
	       type == ICMP_TIMESTAMP_REPLY;
}

static __always_inline bool may_be_told(struct xdp_md *ctx, const struct packet *packet,
					bool inner6)
{
	if (mac_is_group(packet->sender_mac))
		return false;
	if (!inner6 && packet->fragment & bpf_htons(IPV4_OFFSET_MASK))
		return false;
	if (packet->protocol == (inner6 ? NEXT_ICMP6 : IPPROTO_ICMP) &&
	    !(packet->fragment & bpf_htons(IPV4_OFFSET_MASK))) {
		struct cursor cursor =
			cursor_at(ctx, inner_network(packet) + (packet->header_bytes & 0x3fff));
		__u8 *type = cursor_take(&cursor, sizeof(*type));

		if (packet->length <= packet->header_bytes || !type ||
		    !is_icmp_query(*type, inner6))
			return false;
	}
	return reply_allowed(
		inner6 ? flow_hash6(&packet->source, &packet->source, 0, packet->tenant)
		       : flow_hash(packet->source.v4, packet->tenant, 0, 0));
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
 * The address of ours that speaks to the sender of packet: that of the circuit it came in on, else of
 * the one it was for, else the tenant's own. False: there is none.
 */
static __always_inline bool router_address(const struct packet *packet, bool inner6,
					   union ip_address *address)
{
	__u32 index = packet->circuit ? packet->circuit : packet->to_circuit;
	const struct circuit_record *circuit = circuit_record_get(circuit_get(index).record);
	const struct tenant_record *tenant;

	if (circuit && inner6 && !address6_is_zero(circuit->address6)) {
		address6_copy(address, circuit->address6);
		return true;
	}
	if (circuit && !inner6 && circuit->address) {
		address->v4 = circuit->address;
		return true;
	}
	tenant = tenant_record_get(tenant_get(packet->tenant).record);
	if (!tenant)
		return false;
	if (inner6) {
		address6_copy(address, tenant->address6);
		return !address6_is_zero(address);
	}
	address->v4 = tenant->address;
	return address->v4;
}

/* The Ethernet header of an answer to the sender: with the tags of its circuit, or for a tunnel. */
static __always_inline bool write_answer_link(struct cursor *cursor, const struct packet *packet,
					      const struct circuit_record *record, __u16 protocol)
{
	struct ethhdr *ethernet;

	if (record)
		return write_link(cursor, record, packet->sender_mac, protocol);
	ethernet = cursor_take(cursor, sizeof(*ethernet));
	if (!ethernet)
		return false;
	write_ethernet(ethernet, packet->sender_mac, packet->port_mac, protocol);
	return true;
}

/* packet becomes one of ours about itself, with that many bytes. */
static __always_inline void packet_turn(struct packet *packet, const union ip_address *source,
					bool inner6, __u32 link, __u32 length)
{
	packet->network = link;
	packet->length = length;
	packet->frame_bytes = link + length;
	packet->destination = packet->source;
	packet->source = *source;
	packet->protocol = inner6 ? NEXT_ICMP6 : IPPROTO_ICMP;
	packet->tos = TOS_INTERNETWORK_CONTROL;
	packet->fragment = 0;
	packet->header_bytes = ip_bytes(inner6 ? FAMILY_IPV6 : FAMILY_IPV4);
	packet->hash = packet_hash(packet, inner6, 0);
	packet->originated = true;
}

/*
 * Turns the packet into an ICMP error about it, as a frame [Ethernet, tags][IP][ICMP][quote] to its
 * sender, and makes packet describe that. False: it may not be told, or there is no room; nothing
 * that matters to a dropped packet has changed.
 */
static __always_inline bool icmp_error(struct xdp_md *ctx, struct packet *packet,
				       __u16 type_and_code, __u16 mtu, bool inner6)
{
	const __u32 ip_header = inner6 ? IPV6_BYTES : IPV4_BYTES;
	const __u32 quote_max = inner6 ? ICMP6_QUOTE_MAX : ICMP_QUOTE_MAX;
	const struct circuit_record *record = NULL;
	__u32 quote, wanted, link = ETHERNET_BYTES, sum;
	union ip_address address = {};
	struct cursor cursor;
	struct icmp_header *icmp;
	void *ip;

	if (!router_address(packet, inner6, &address) || !read_sender(ctx, packet) ||
	    !may_be_told(ctx, packet, inner6))
		return false;
	if (!packet->from) {
		record = circuit_record_get(circuit_get(packet->circuit).record);
		if (!record)
			return false;
		link = link_bytes(record);
	}
	quote = packet->length;
	if (quote > quote_max)
		quote = quote_max;
	wanted = packet->network + quote;
	if (packet->frame_bytes > wanted &&
	    bpf_xdp_adjust_tail(ctx, (int)(wanted - packet->frame_bytes)))
		return false;
	if (bpf_xdp_adjust_head(ctx, (int)packet->network - (int)(link + ip_header + ICMP_BYTES)))
		return false;

	packet_turn(packet, &address, inner6, link, ip_header + ICMP_BYTES + quote);
	cursor = cursor_at(ctx, 0);
	if (!write_answer_link(&cursor, packet, record, inner6 ? ETH_P_IPV6 : ETH_P_IP))
		return false;
	ip = cursor_take(&cursor, ip_header);
	icmp = cursor_take(&cursor, sizeof(*icmp));
	if (!ip || !icmp)
		return false;
	if (inner6)
		write_ipv6(ip, &packet->source, &packet->destination, NEXT_ICMP6,
			   ICMP_BYTES + quote, packet->tos, REPLY_TTL, 0);
	else
		write_ipv4(ip, packet->source.v4, packet->destination.v4, IPPROTO_ICMP,
			   packet->length, packet->tos, REPLY_TTL, false, bpf_get_prandom_u32());
	*icmp = (struct icmp_header){
		.type = type_and_code >> 8,
		.code = type_and_code & 0xff,
		.mtu = bpf_htons(mtu),
	};
	sum = frame_sum(ctx, link + ip_header, ICMP_BYTES + quote);
	if (sum == FRAME_SUM_FAILED)
		return false;
	if (inner6)
		sum = checksum_fold(sum + checksum_pseudo6(&packet->source, &packet->destination,
							   NEXT_ICMP6, ICMP_BYTES + quote));
	cursor = cursor_at(ctx, (link & NETWORK_MASK) + ip_header);
	icmp = cursor_take(&cursor, sizeof(*icmp));
	if (!icmp)
		return false;
	icmp->checksum = ~sum;
	return true;
}

#endif
