/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * classify.h - access port: which circuit a frame came in on, and with it the tenant.
 *
 * A frame is ours when its circuit is known and it is addressed to the router that the edge is
 * there: an ARP packet, or IPv4 to the port's own MAC. All else is the stack's.
 */
#ifndef UNUM_CLASSIFY_H
#define UNUM_CLASSIFY_H

#include "inner.h"
#include "lookup.h"
#include "respond.h"

/* The circuit an access frame belongs to; its record, or NULL when there is none. */
static __always_inline const struct circuit_record *classify_circuit(struct packet *packet)
{
	struct attachment_slot attachment;
	struct circuit circuit;

	if (!attachment_find(packet->ingress, 0, 0, &attachment))
		return NULL;
	circuit = circuit_get(attachment.circuit);
	if (!(circuit.flags & CIRCUIT_VALID))
		return NULL;
	packet->vni = vni_key_of(attachment.vni);
	packet->tenant = attachment.tenant;
	packet->circuit = attachment.circuit;
	return circuit_record_get(circuit.record);
}

/* To the edge itself, as the underlay knows it: its VTEP address. */
static __always_inline bool is_to_edge(struct xdp_md *ctx)
{
	__u32 zero = 0;
	const struct edge *entry = bpf_map_lookup_elem(&edge, &zero);
	struct cursor cursor = cursor_at(ctx, 0);
	struct ethhdr *ethernet = cursor_take(&cursor, sizeof(*ethernet) + sizeof(struct iphdr));
	const struct iphdr *ip = (void *)ethernet + sizeof(*ethernet);

	return ethernet && entry && ethernet->h_proto == bpf_htons(ETH_P_IP) &&
	       ip->daddr == entry->address;
}

static __always_inline outcome classify_access(struct xdp_md *ctx, struct packet *packet)
{
	struct cursor cursor = cursor_at(ctx, 0);
	struct ethhdr *ethernet = cursor_take(&cursor, sizeof(*ethernet));
	const struct circuit_record *record;
	outcome end;

	if (!ethernet)
		return OUTCOME_PASS;
	if (ethernet->h_proto != bpf_htons(ETH_P_IP) && ethernet->h_proto != bpf_htons(ETH_P_ARP))
		return OUTCOME_PASS;
	record = classify_circuit(packet);
	if (!record)
		return OUTCOME_PASS;
	packet->router_address = record->address;
	packet->transmit = record->transmit;
	if (ethernet->h_proto == bpf_htons(ETH_P_ARP))
		return respond_arp(ctx, packet);

	if (!mac_equal(ethernet->h_dest, record->mac))
		return OUTCOME_PASS;
	end = inner_parse(ctx, packet, packet->frame_bytes - ETHERNET_BYTES);
	if (end)
		return end;
	if (packet->destination == record->address)
		return respond_echo(ctx, packet);
	return OUTCOME_CONTINUE;
}

#endif
