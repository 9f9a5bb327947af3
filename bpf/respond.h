/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * respond.h - be the router on a circuit: answer ARP (RFC 826) and echo (RFC 792, 4443) for its
 * address, learn its peer's MAC, ask for it. neighbour.h has the same for IPv6.
 *
 * Only the configured peer's MAC is ever learned, only from ARP that carries the peer's address on
 * that very circuit, and into the one word the circuit has for it: no packet can make a table grow
 * or another circuit's traffic go elsewhere.
 */
#ifndef UNUM_RESPOND_H
#define UNUM_RESPOND_H

#include "icmp.h"

#define ARP_HARDWARE_ETHERNET 1

enum arp_operation {
	ARP_REQUEST = 1,
	ARP_REPLY = 2,
};

/* ARP for Ethernet and IPv4. linux/if_arp.h leaves the second half out and needs a C library. */
struct arp_ipv4 {
	__be16 hardware;
	__be16 protocol;
	__u8 hardware_bytes;
	__u8 protocol_bytes;
	__be16 operation;
	__u8 sender_mac[ETH_ALEN];
	__u16 sender[2];
	__u8 target_mac[ETH_ALEN];
	__u16 target[2];
};

static __always_inline __be32 arp_address(const __u16 *bytes)
{
	__be32 address;

	__builtin_memcpy(&address, bytes, sizeof(address));
	return address;
}

static __always_inline void arp_write(struct arp_ipv4 *arp, __u16 operation, const __u8 *sender_mac,
				      __be32 sender, const __u8 *target_mac, __be32 target)
{
	struct arp_ipv4 written = {
		.hardware = bpf_htons(ARP_HARDWARE_ETHERNET),
		.protocol = bpf_htons(ETH_P_IP),
		.hardware_bytes = ETH_ALEN,
		.protocol_bytes = 4,
		.operation = bpf_htons(operation),
	};

	mac_copy(written.sender_mac, sender_mac);
	__builtin_memcpy(written.sender, &sender, 4);
	mac_copy(written.target_mac, target_mac);
	__builtin_memcpy(written.target, &target, 4);
	*arp = written;
}

static __always_inline outcome answered(outcome end)
{
	return verdict_is_sent(end) ? end | OUTCOME_ANSWERED : end;
}

/* Moments of learning, in units of 2^34 ns, about 17 s. */
static __always_inline __u16 heard_now(void)
{
	return 0x8000 | (bpf_ktime_get_ns() >> 34);
}

static __always_inline void learn_peer(__u64 *word, const __u8 *mac)
{
	union circuit_peer_word learned = {.value = {.heard = heard_now()}};

	mac_copy(learned.value.mac, mac);
	/* Written only when it changes, so that the line stays shared between cores. */
	if (word && *(volatile __u64 *)word != learned.word)
		*(volatile __u64 *)word = learned.word;
}

__noinline outcome respond_arp(struct xdp_md *ctx, struct packet *packet)
{
	const struct circuit_record *record;
	__u8 asker_mac[ETH_ALEN] __attribute__((aligned(4)));
	struct cursor cursor = cursor_at(ctx, 0);
	struct ethhdr *ethernet = cursor_take(&cursor, sizeof(*ethernet));
	struct arp_ipv4 *arp;
	struct circuit circuit;
	__u32 index;
	__be32 asker;

	if (!ethernet || !packet)
		return OUTCOME_DROP(DROP_MALFORMED);
	cursor = cursor_at(ctx, inner_network(packet));
	arp = cursor_take(&cursor, sizeof(*arp));
	if (!arp)
		return OUTCOME_DROP(DROP_MALFORMED);
	index = packet->circuit;
	circuit = circuit_get(index);
	record = circuit_record_get(circuit.record);
	if (!record)
		return OUTCOME_DROP(DROP_INVALID_ENTRY);
	if (arp->hardware != bpf_htons(ARP_HARDWARE_ETHERNET) ||
	    arp->protocol != bpf_htons(ETH_P_IP) || arp->hardware_bytes != ETH_ALEN ||
	    arp->protocol_bytes != 4)
		return OUTCOME_PASS;
	if (mac_is_group(arp->sender_mac) || mac_is_zero(arp->sender_mac))
		return OUTCOME_DROP(DROP_MALFORMED);

	mac_copy(asker_mac, arp->sender_mac);
	asker = arp_address(arp->sender);
	if (asker == record->peer && !(circuit.flags & CIRCUIT_PEER_STATIC))
		learn_peer(bpf_map_lookup_elem(&circuit_peers, &index), asker_mac);
	if (arp->operation != bpf_htons(ARP_REQUEST) || arp_address(arp->target) != record->address)
		return OUTCOME_PASS;
	/* Tags stay as they are: they are the circuit's. */
	mac_copy(ethernet->h_dest, asker_mac);
	mac_copy(ethernet->h_source, record->mac);
	arp_write(arp, ARP_REPLY, record->mac, record->address, asker_mac, asker);
	return answered(verdict_answer(packet));
}

/*
 * Makes a frame of that many bytes, its first ones to be written, of the packet that could not be
 * delivered. The shortest packet is 16 bytes shorter than ARP with two tags and as much as a neighbour
 * solicitation is longer than an IPv6 header: room is taken from what is in front of it.
 */
static __always_inline bool make_question(struct xdp_md *ctx, const struct packet *packet,
					  __u32 room, __u32 bytes)
{
	int head = (int)packet->network - (int)(ETHERNET_BYTES + room);
	int tail = (int)bytes - ((int)packet->frame_bytes - head);

	return !bpf_xdp_adjust_head(ctx, head) && !bpf_xdp_adjust_tail(ctx, tail);
}

static __always_inline outcome question_sent(const struct packet *packet,
					     const struct circuit_record *record)
{
	outcome end = verdict_send(packet, record->ifindex, record->transmit);

	if (!verdict_is_sent(end))
		return OUTCOME_DROP(DROP_PEER_UNRESOLVED);
	count_own(true);
	return end | (DROP_PEER_UNRESOLVED << 8);
}

/*
 * Asks the peer of a circuit for its MAC: the packet that could not be delivered becomes the
 * request. The peer's answer is learned by respond_arp.
 */
__noinline outcome ask_peer(struct xdp_md *ctx, struct packet *packet, __u32 slot)
{
	static const __u8 everyone[ETH_ALEN]
		__attribute__((aligned(4))) = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	static const __u8 nobody[ETH_ALEN] __attribute__((aligned(4)));
	const struct circuit_record *record = circuit_record_get(slot);
	outcome drop = OUTCOME_DROP(DROP_PEER_UNRESOLVED);
	struct cursor cursor;
	struct arp_ipv4 *arp;

	if (!packet || !record || !reply_allowed(packet->to_circuit * 0x9e3779b1ULL))
		return drop;
	if (!make_question(ctx, packet, 2 * VLAN_TAG_BYTES + sizeof(*arp) - IPV4_BYTES,
			   link_bytes(record) + sizeof(*arp)))
		return drop;
	cursor = cursor_at(ctx, 0);
	if (!write_link(&cursor, record, everyone, ETH_P_ARP))
		return drop;
	arp = cursor_take(&cursor, sizeof(*arp));
	if (!arp)
		return drop;
	arp_write(arp, ARP_REQUEST, record->mac, record->address, nobody, record->peer);
	return question_sent(packet, record);
}

/* An echo request to an address of our own becomes its reply, still where it is in the frame. */
static __always_inline outcome echo_in_place(struct xdp_md *ctx, struct packet *packet)
{
	struct cursor cursor = cursor_at(ctx, inner_network(packet));
	struct iphdr *ip = cursor_take(&cursor, IPV4_BYTES + ICMP_BYTES);
	struct icmp_header *icmp = (void *)ip + IPV4_BYTES;

	/* Options would have to be reversed, fragments put together: not for a convenience. */
	if (packet->protocol != IPPROTO_ICMP || is_fragment(packet) ||
	    packet->header_bytes != IPV4_BYTES || packet->length < IPV4_BYTES + ICMP_BYTES)
		return OUTCOME_DROP(DROP_TO_CIRCUIT_ADDRESS);
	if (!ip)
		return OUTCOME_DROP(DROP_MALFORMED);
	if (icmp->type != ICMP_ECHO_REQUEST || icmp->code != 0)
		return OUTCOME_DROP(DROP_TO_CIRCUIT_ADDRESS);

	icmp->type = ICMP_ECHO_REPLY;
	icmp->checksum = checksum_lower(icmp->checksum, bpf_htons(ICMP_ECHO_REQUEST << 8));
	write_ipv4(ip, packet->destination.v4, packet->source.v4, IPPROTO_ICMP, packet->length,
		   packet->tos, REPLY_TTL, packet->fragment & bpf_htons(IPV4_DONT_FRAGMENT),
		   bpf_get_prandom_u32());
	packet->source.v4 = packet->destination.v4;
	packet->destination.v4 = ip->daddr;
	packet->hash = packet_hash(packet, false, 0);
	packet->originated = true;
	return OUTCOME_CONTINUE;
}

/* The same for IPv6. Exchanged addresses leave the checksum's sum as it is; the type does not. */
static __always_inline outcome echo6_in_place(struct xdp_md *ctx, struct packet *packet)
{
	struct cursor cursor = cursor_at(ctx, inner_network(packet));
	struct ipv6hdr *ip = cursor_take(&cursor, IPV6_BYTES + ICMP_BYTES);
	struct icmp6_header *icmp = (void *)ip + IPV6_BYTES;

	if (packet->protocol != NEXT_ICMP6 || packet->header_bytes != IPV6_BYTES ||
	    packet->length < IPV6_BYTES + ICMP_BYTES)
		return OUTCOME_DROP(DROP_TO_CIRCUIT_ADDRESS);
	if (!ip)
		return OUTCOME_DROP(DROP_MALFORMED);
	if (icmp->type != ICMP6_ECHO_REQUEST || icmp->code != 0)
		return OUTCOME_DROP(DROP_TO_CIRCUIT_ADDRESS);

	icmp->type = ICMP6_ECHO_REPLY;
	icmp->checksum = checksum_replace(icmp->checksum, bpf_htons(ICMP6_ECHO_REQUEST << 8),
					  bpf_htons(ICMP6_ECHO_REPLY << 8));
	write_ipv6(ip, &packet->destination, &packet->source, NEXT_ICMP6,
		   packet->length - IPV6_BYTES, packet->tos, REPLY_TTL, 0);
	address6_copy(&packet->source, &ip->saddr);
	address6_copy(&packet->destination, &ip->daddr);
	packet->hash = packet_hash(packet, true, 0);
	packet->originated = true;
	return OUTCOME_CONTINUE;
}

static __always_inline outcome answer_echo(struct xdp_md *ctx, struct packet *packet)
{
	return features.inner6 && packet->inner6 ? echo6_in_place(ctx, packet)
						 : echo_in_place(ctx, packet);
}

/* To an address of our own, from a circuit. */
__noinline outcome respond_echo(struct xdp_md *ctx, struct packet *packet)
{
	struct cursor cursor = cursor_at(ctx, 0);
	struct ethhdr *ethernet = cursor_take(&cursor, sizeof(*ethernet));
	outcome end;

	if (!packet)
		return OUTCOME_DROP(DROP_INVALID_ENTRY);
	if (!ethernet || !read_sender(ctx, packet))
		return OUTCOME_DROP(DROP_MALFORMED);
	end = answer_echo(ctx, packet);
	if (end)
		return end;
	mac_copy(ethernet->h_dest, packet->sender_mac);
	mac_copy(ethernet->h_source, packet->port_mac);
	return answered(verdict_answer(packet));
}

#endif
