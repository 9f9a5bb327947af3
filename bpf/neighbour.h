/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * neighbour.h - neighbour discovery on a circuit (RFC 4861): be found, learn the peer's MAC, ask for it.
 *
 * What respond.h does by ARP. A message counts only with hop limit 255, which nothing from further away
 * can have, and with a right checksum (section 7.1); what does not count is left to the stack.
 */
#ifndef UNUM_NEIGHBOUR_H
#define UNUM_NEIGHBOUR_H

#include "icmp.h"
#include "respond.h"

#define NEIGHBOUR_OPTIONS_MAX 4
#define NEIGHBOUR_BYTES (IPV6_BYTES + sizeof(struct neighbour_message))

/* What a message says. */
struct neighbour_news {
	__u8 type;
	bool has_mac;
	union ip_address source;
	union ip_address target;
	__u8 mac[ETH_ALEN] __attribute__((aligned(4))); /* of the source, or of the target */
};

/* The MAC among the options behind a message; false where they are not in order. */
static __always_inline bool neighbour_options(struct xdp_md *ctx, __u32 at, __u32 end, __u8 wanted,
					      struct neighbour_news *news)
{
#pragma clang loop unroll(disable)
	for (int i = 0; i < NEIGHBOUR_OPTIONS_MAX; i++) {
		struct cursor cursor = cursor_at(ctx, at & 0x7ff);
		const struct neighbour_option *option;

		if (at >= end)
			break;
		option = cursor_take(&cursor, sizeof(*option));
		if (!option || !option->length)
			return false;
		if (option->type == wanted && option->length == 1) {
			mac_copy(news->mac, option->mac);
			news->has_mac = true;
		}
		at += option->length * 8;
	}
	return at <= end;
}

/* Whether the checksum of the ICMPv6 message at packet->network is right. */
__noinline bool neighbour_sum_is_right(struct xdp_md *ctx, const struct packet *packet)
{
	struct cursor cursor;
	const struct ipv6hdr *ip;
	__u32 length, sum;

	if (!packet)
		return false;
	cursor = cursor_at(ctx, inner_network(packet));
	ip = cursor_take(&cursor, sizeof(*ip));
	if (!ip)
		return false;
	length = bpf_ntohs(ip->payload_len);
	sum = frame_sum(ctx, inner_network(packet) + IPV6_BYTES, length);
	cursor = cursor_at(ctx, inner_network(packet));
	ip = cursor_take(&cursor, sizeof(*ip));
	return ip && sum != FRAME_SUM_FAILED &&
	       checksum_fold(sum + checksum_pseudo6(&ip->saddr, &ip->daddr, NEXT_ICMP6, length)) ==
		       0xffff;
}

/* Reads a message at packet->network; false: it is none, or does not count. Its sum is another's. */
__noinline bool neighbour_read(struct xdp_md *ctx, const struct packet *packet,
			       struct neighbour_news *news)
{
	struct cursor cursor;
	const struct neighbour_message *message;
	const struct ipv6hdr *ip;
	__u32 length, start;

	if (!packet || !news)
		return false;
	start = inner_network(packet);
	cursor = cursor_at(ctx, start);
	ip = cursor_take(&cursor, sizeof(*ip));
	message = cursor_take(&cursor, sizeof(*message));
	if (!ip || !message || message->icmp.code || ip->version != 6 ||
	    ip->nexthdr != NEXT_ICMP6 || ip->hop_limit != 255)
		return false;
	if (message->icmp.type != ICMP6_NEIGHBOUR_SOLICITATION &&
	    message->icmp.type != ICMP6_NEIGHBOUR_ADVERTISEMENT)
		return false;
	length = bpf_ntohs(ip->payload_len);
	if (length < sizeof(*message) ||
	    length > packet->frame_bytes - packet->network - IPV6_BYTES)
		return false;
	news->type = message->icmp.type;
	address6_copy(&news->source, &ip->saddr);
	address6_copy(&news->target, message->target);
	return neighbour_options(ctx, start + NEIGHBOUR_BYTES, start + IPV6_BYTES + length,
				 news->type == ICMP6_NEIGHBOUR_SOLICITATION ? NEIGHBOUR_SOURCE_MAC
									    : NEIGHBOUR_TARGET_MAC,
				 news);
}

/* Writes IPv6 header, message and MAC option at cursor, with the checksum. */
static __always_inline bool neighbour_write(struct cursor *cursor, const void *source,
					    const void *destination, __u8 type, __u32 flags,
					    const void *target, const __u8 *mac)
{
	struct {
		struct neighbour_message message;
		struct neighbour_option option;
	} * body;
	struct ipv6hdr *ip = cursor_take(cursor, sizeof(*ip));
	const checksum_word *words;
	__u64 sum;

	body = cursor_take(cursor, sizeof(*body));
	if (!ip || !body)
		return false;
	write_ipv6(ip, source, destination, NEXT_ICMP6, sizeof(*body), TOS_INTERNETWORK_CONTROL,
		   255, 0);
	body->message.icmp = (struct icmp6_header){.type = type, .value = bpf_htonl(flags)};
	address6_copy(body->message.target, target);
	body->option.type =
		type == ICMP6_NEIGHBOUR_SOLICITATION ? NEIGHBOUR_SOURCE_MAC : NEIGHBOUR_TARGET_MAC;
	body->option.length = 1;
	mac_copy(body->option.mac, mac);
	sum = checksum_pseudo6(source, destination, NEXT_ICMP6, sizeof(*body));
	words = (const checksum_word *)body;
#pragma unroll
	for (int i = 0; i < (int)(sizeof(*body) / sizeof(*words)); i++)
		sum += words[i];
	body->message.icmp.checksum = ~checksum_fold(sum);
	return true;
}

/* To a solicitation of our address: that it is ours. To one without a source (RFC 4862), to all. */
static __always_inline outcome advertise(struct xdp_md *ctx, struct packet *packet,
					 const struct circuit_record *record,
					 const struct neighbour_news *news)
{
	union ip_address all_nodes = {.words = {bpf_htonl(0xff020000), 0, 0, bpf_htonl(1)}};
	static const __u8 all_nodes_mac[ETH_ALEN]
		__attribute__((aligned(4))) = {0x33, 0x33, 0, 0, 0, 1};
	bool anonymous = address6_is_zero(&news->source);
	__u32 bytes = link_bytes(record) + NEIGHBOUR_BYTES + sizeof(struct neighbour_option);
	__u32 flags = NEIGHBOUR_FLAG_ROUTER | NEIGHBOUR_FLAG_OVERRIDE;
	struct cursor cursor;

	if (!read_sender(ctx, packet))
		return OUTCOME_DROP(DROP_MALFORMED);
	if (bpf_xdp_adjust_head(ctx, (int)packet->network - (int)link_bytes(record)) ||
	    bpf_xdp_adjust_tail(ctx, (int)bytes - (int)(packet->frame_bytes - packet->network +
							link_bytes(record))))
		return OUTCOME_DROP(DROP_NO_HEADROOM);
	if (!anonymous)
		flags |= NEIGHBOUR_FLAG_SOLICITED;
	cursor = cursor_at(ctx, 0);
	if (!write_link(&cursor, record, anonymous ? all_nodes_mac : packet->sender_mac,
			ETH_P_IPV6) ||
	    !neighbour_write(&cursor, record->address6, anonymous ? &all_nodes : &news->source,
			     ICMP6_NEIGHBOUR_ADVERTISEMENT, flags, record->address6, record->mac))
		return OUTCOME_DROP(DROP_MALFORMED);
	return answered(verdict_answer(packet));
}

/* Neighbour discovery on the circuit that packet came in on. OUTCOME_CONTINUE: it is none. */
__noinline outcome respond_neighbour(struct xdp_md *ctx, struct packet *packet)
{
	const struct circuit_record *record;
	struct neighbour_news news = {};
	struct circuit circuit;
	bool solicitation;
	__u32 index;

	if (!packet)
		return OUTCOME_DROP(DROP_INVALID_ENTRY);
	index = packet->circuit;
	circuit = circuit_get(index);
	record = circuit_record_get(circuit.record);
	if (!record || address6_is_zero(record->address6) || !neighbour_read(ctx, packet, &news) ||
	    !neighbour_sum_is_right(ctx, packet))
		return OUTCOME_CONTINUE;
	solicitation = news.type == ICMP6_NEIGHBOUR_SOLICITATION;
	if (solicitation && news.has_mac && address6_is_zero(&news.source))
		return OUTCOME_PASS;
	if (news.has_mac && (mac_is_group(news.mac) || mac_is_zero(news.mac)))
		return OUTCOME_DROP(DROP_MALFORMED);
	if (news.has_mac && !(circuit.flags & CIRCUIT_PEER_STATIC) &&
	    address6_equal(solicitation ? &news.source : &news.target, record->peer6))
		learn_peer(bpf_map_lookup_elem(&circuit_peers6, &index), news.mac);
	if (!solicitation || !address6_equal(&news.target, record->address6))
		return OUTCOME_PASS;
	return advertise(ctx, packet, record, &news);
}

/* Asks the peer of a circuit for its MAC, at the solicited-node address of section 2.7.1 in RFC 4291. */
__noinline outcome ask_peer6(struct xdp_md *ctx, struct packet *packet, __u32 slot)
{
	const struct circuit_record *record = circuit_record_get(slot);
	outcome drop = OUTCOME_DROP(DROP_PEER_UNRESOLVED);
	__u8 group_mac[ETH_ALEN] __attribute__((aligned(4))) = {0x33, 0x33, 0xff};
	union ip_address group = {.words = {bpf_htonl(0xff020000), 0, bpf_htonl(1)}};
	struct cursor cursor;

	if (!packet || !record || !reply_allowed(packet->to_circuit * 0x9e3779b1ULL + 1))
		return drop;
	group.words[3] = bpf_htonl(0xff000000) | (record->peer6[3] & bpf_htonl(0x00ffffff));
	((__u16 *)group_mac)[1] |= ((__u16 *)&group.words[3])[0];
	((__u16 *)group_mac)[2] = ((__u16 *)&group.words[3])[1];
	if (!make_question(ctx, packet,
			   2 * VLAN_TAG_BYTES + NEIGHBOUR_BYTES + sizeof(struct neighbour_option) -
				   IPV6_BYTES,
			   link_bytes(record) + NEIGHBOUR_BYTES + sizeof(struct neighbour_option)))
		return drop;
	cursor = cursor_at(ctx, 0);
	if (!write_link(&cursor, record, group_mac, ETH_P_IPV6) ||
	    !neighbour_write(&cursor, record->address6, &group, ICMP6_NEIGHBOUR_SOLICITATION, 0,
			     record->peer6, record->mac))
		return drop;
	return question_sent(packet, record);
}

#endif
