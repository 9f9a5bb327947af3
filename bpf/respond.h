/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * respond.h - be the router on a circuit: answer ARP (RFC 826) and echo (RFC 792) for its address,
 * learn its peer's MAC, ask for it.
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

struct arp_frame {
	struct ethhdr ethernet;
	struct arp_ipv4 arp;
};

static __always_inline __be32 arp_address(const __u16 *bytes)
{
	__be32 address;

	__builtin_memcpy(&address, bytes, sizeof(address));
	return address;
}

static __always_inline void arp_write(struct arp_frame *frame, __u16 operation,
				      const __u8 *sender_mac, __be32 sender, const __u8 *target_mac,
				      __be32 target, const __u8 *destination)
{
	struct arp_frame written = {
		.ethernet.h_proto = bpf_htons(ETH_P_ARP),
		.arp =
			{
				.hardware = bpf_htons(ARP_HARDWARE_ETHERNET),
				.protocol = bpf_htons(ETH_P_IP),
				.hardware_bytes = ETH_ALEN,
				.protocol_bytes = 4,
				.operation = bpf_htons(operation),
			},
	};

	mac_copy(written.ethernet.h_dest, destination);
	mac_copy(written.ethernet.h_source, sender_mac);
	mac_copy(written.arp.sender_mac, sender_mac);
	__builtin_memcpy(written.arp.sender, &sender, 4);
	mac_copy(written.arp.target_mac, target_mac);
	__builtin_memcpy(written.arp.target, &target, 4);
	*frame = written;
}

static __always_inline outcome answered(outcome end)
{
	return verdict_is_sent(end) ? end | OUTCOME_ANSWERED : end;
}

static __always_inline void learn_peer(__u32 circuit, const __u8 *mac)
{
	union circuit_peer_word learned = {.value = {.known = 1}};
	__u64 *word = bpf_map_lookup_elem(&circuit_peers, &circuit);

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
	struct arp_frame *frame = cursor_take(&cursor, sizeof(*frame));
	const struct arp_ipv4 *arp;
	struct circuit circuit;
	__be32 asker;

	if (!frame || !packet)
		return OUTCOME_DROP(DROP_MALFORMED);
	circuit = circuit_get(packet->circuit);
	record = circuit_record_get(circuit.record);
	if (!record)
		return OUTCOME_DROP(DROP_INVALID_ENTRY);
	arp = &frame->arp;
	if (arp->hardware != bpf_htons(ARP_HARDWARE_ETHERNET) ||
	    arp->protocol != bpf_htons(ETH_P_IP) || arp->hardware_bytes != ETH_ALEN ||
	    arp->protocol_bytes != 4)
		return OUTCOME_PASS;
	if (mac_is_group(arp->sender_mac) || mac_is_zero(arp->sender_mac))
		return OUTCOME_DROP(DROP_MALFORMED);

	mac_copy(asker_mac, arp->sender_mac);
	asker = arp_address(arp->sender);
	if (asker == record->peer && !(circuit.flags & CIRCUIT_PEER_STATIC))
		learn_peer(packet->circuit, asker_mac);
	if (arp->operation != bpf_htons(ARP_REQUEST) || arp_address(arp->target) != record->address)
		return OUTCOME_PASS;
	arp_write(frame, ARP_REPLY, record->mac, record->address, asker_mac, asker, asker_mac);
	return answered(verdict_answer(packet));
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
	outcome drop = OUTCOME_DROP(DROP_PEER_UNRESOLVED), end;
	int head, tail;
	struct cursor cursor;
	struct arp_frame *frame;

	if (!packet || !record || !reply_allowed(packet->to_circuit * 0x9e3779b1ULL))
		return drop;
	/* The shortest packet is 8 bytes shorter than ARP: take them from what is in front of it. */
	head = (int)packet->ethernet - 8;
	tail = (int)sizeof(*frame) - ((int)packet->frame_bytes - head);
	if (bpf_xdp_adjust_head(ctx, head) || bpf_xdp_adjust_tail(ctx, tail))
		return drop;
	cursor = cursor_at(ctx, 0);
	frame = cursor_take(&cursor, sizeof(*frame));
	if (!frame)
		return drop;
	arp_write(frame, ARP_REQUEST, record->mac, record->address, nobody, record->peer, everyone);
	end = verdict_send(packet, record->ifindex, record->transmit);
	if (!verdict_is_sent(end))
		return drop;
	count_own(true);
	return end | (DROP_PEER_UNRESOLVED << 8);
}

/* An echo request to a circuit's own address becomes its reply, still where it is in the frame. */
static __always_inline outcome echo_in_place(struct xdp_md *ctx, struct packet *packet)
{
	struct cursor cursor = cursor_at(ctx, inner_ethernet(packet) + ETHERNET_BYTES);
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
	write_ipv4(ip, packet->destination, packet->source, IPPROTO_ICMP, packet->length,
		   packet->tos, REPLY_TTL, packet->fragment & bpf_htons(IPV4_DONT_FRAGMENT),
		   bpf_get_prandom_u32());
	packet->source = packet->destination;
	packet->destination = ip->daddr;
	packet->hash = flow_hash(packet->source, packet->destination, IPPROTO_ICMP, 0);
	packet->originated = true;
	return OUTCOME_CONTINUE;
}

/* To a circuit's own address, from that circuit. */
__noinline outcome respond_echo(struct xdp_md *ctx, struct packet *packet)
{
	struct cursor cursor = cursor_at(ctx, 0);
	struct ethhdr *ethernet = cursor_take(&cursor, sizeof(*ethernet));
	outcome end;

	if (!packet)
		return OUTCOME_DROP(DROP_INVALID_ENTRY);
	if (!ethernet || !read_sender(ctx, packet))
		return OUTCOME_DROP(DROP_MALFORMED);
	end = echo_in_place(ctx, packet);
	if (end)
		return end;
	write_ethernet(ethernet, packet->sender_mac, packet->port_mac);
	return answered(verdict_answer(packet));
}

#endif
