/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * classify.h - access port: which circuit a frame came in on, and with it the tenant.
 *
 * A frame is ours when its tags name a circuit and it is addressed to the router that the edge is
 * there: ARP, neighbour discovery, or IP to the port's own MAC. All else is the stack's.
 */
#ifndef UNUM_CLASSIFY_H
#define UNUM_CLASSIFY_H

#include "inner.h"
#include "lookup.h"
#include "neighbour.h"
#include "outer.h"
#include "respond.h"

#define VLAN_ID_MASK 0x0fff

/* What stands between a frame's addresses and its packet. */
struct link {
	__u32 bytes; /* of the Ethernet header with all tags */
	__be16 protocol;
	__be16 tag; /* EtherType of the outer tag; 0: none */
	__be16 vlan;
	__be16 inner_vlan;
};

/* Up to two tags; false where one is cut short. More are left for protocol to say. */
static __always_inline bool link_parse(struct cursor *cursor, struct link *link)
{
	const struct vlan_tag *tag;

	if (link->protocol != bpf_htons(ETH_P_8021Q) && link->protocol != bpf_htons(ETH_P_8021AD))
		return true;
	tag = cursor_take(cursor, sizeof(*tag));
	if (!tag)
		return false;
	link->tag = link->protocol;
	link->vlan = tag->control & bpf_htons(VLAN_ID_MASK);
	link->protocol = tag->protocol;
	link->bytes = ETHERNET_BYTES + VLAN_TAG_BYTES;
	if (link->protocol == bpf_htons(ETH_P_8021Q)) {
		tag = cursor_take(cursor, sizeof(*tag));
		if (!tag)
			return false;
		link->inner_vlan = tag->control & bpf_htons(VLAN_ID_MASK);
		link->protocol = tag->protocol;
		link->bytes = ETHERNET_BYTES + 2 * VLAN_TAG_BYTES;
		/* An inner tag without a VLAN names no circuit: 0 stands for no tag. */
		return link->vlan && link->inner_vlan;
	}
	/* Priority only, no VLAN (IEEE 802.1Q table 9-2): as if untagged. */
	if (!link->vlan && link->tag == bpf_htons(ETH_P_8021Q))
		link->tag = 0;
	return true;
}

/* The circuit an access frame belongs to; its record, or NULL when there is none. */
static __always_inline const struct circuit_record *classify_circuit(struct packet *packet,
								     const struct link *link)
{
	struct attachment_slot attachment = {};
	const struct circuit_record *record;
	struct circuit circuit;

	if (!attachment_find(packet->ingress, link->vlan, link->inner_vlan, &attachment))
		return NULL;
	circuit = circuit_get(attachment.circuit);
	if (!(circuit.flags & CIRCUIT_VALID))
		return NULL;
	packet->vni = vni_key_of(attachment.vni);
	packet->tenant = attachment.tenant;
	packet->circuit = attachment.circuit;
	record = circuit_record_get(circuit.record);
	return record && (!features.vlan || record->tag == link->tag) ? record : NULL;
}

/* To the edge itself, as the underlay knows it: its VTEP address. */
static __always_inline bool is_to_edge(struct xdp_md *ctx)
{
	__u32 zero = 0;
	const struct edge *entry = bpf_map_lookup_elem(&edge, &zero);
	struct cursor cursor = cursor_at(ctx, 0);
	struct ethhdr *ethernet = cursor_take(&cursor, sizeof(*ethernet));

	if (!ethernet || !entry)
		return false;
	if (ethertype_get(ethernet) == bpf_htons(ETH_P_IP)) {
		const struct iphdr *ip = cursor_take(&cursor, sizeof(*ip));

		return ip && entry->address && ip->daddr == entry->address;
	}
	if (features.outer6 && ethertype_get(ethernet) == bpf_htons(ETH_P_IPV6)) {
		const struct ipv6hdr *ip = cursor_take(&cursor, sizeof(*ip));
		union ip_address local;

		if (!ip)
			return false;
		address6_copy(&local, &ip->daddr);
		return service6_find(service6_key(0, 0), &local);
	}
	return false;
}

/* IPv6 on a circuit that has an address for it. */
__noinline outcome classify_access6(struct xdp_md *ctx, struct packet *packet)
{
	const struct circuit_record *record;
	struct cursor cursor = cursor_at(ctx, 0);
	struct ethhdr *ethernet = cursor_take(&cursor, sizeof(*ethernet));
	const struct ipv6hdr *ip;
	union ip_address to;
	bool to_port;
	outcome end;

	if (!packet || !ethernet)
		return OUTCOME_PASS;
	record = circuit_record_get(circuit_get(packet->circuit).record);
	if (!record || address6_is_zero(record->address6))
		return OUTCOME_PASS;
	to_port = mac_equal(ethernet->h_dest, record->mac);
	cursor = cursor_at(ctx, inner_network(packet));
	ip = cursor_take(&cursor, sizeof(*ip));
	if (!ip || ip->version != 6)
		return to_port ? OUTCOME_DROP(DROP_MALFORMED) : OUTCOME_PASS;
	address6_copy(&to, &ip->daddr);
	if (!to_port || is_multicast6(&to) || is_link_local6(&to))
		return OUTCOME_PASS;
	end = inner6_parse(ctx, packet, packet->frame_bytes - packet->network);
	if (end)
		return end;
	return address6_equal(&packet->destination, record->address6) ? respond_echo(ctx, packet)
								      : OUTCOME_CONTINUE;
}

static __always_inline outcome classify_access(struct xdp_md *ctx, struct packet *packet)
{
	struct cursor cursor = cursor_at(ctx, 0);
	struct ethhdr *ethernet = cursor_take(&cursor, sizeof(*ethernet));
	const struct circuit_record *record;
	struct link link = {.bytes = ETHERNET_BYTES};
	outcome end;

	if (!ethernet)
		return OUTCOME_PASS;
	link.protocol = ethertype_get(ethernet);
	if (features.vlan && !link_parse(&cursor, &link))
		return OUTCOME_PASS;
	if (link.protocol != bpf_htons(ETH_P_IP) && link.protocol != bpf_htons(ETH_P_ARP) &&
	    !(features.inner6 && link.protocol == bpf_htons(ETH_P_IPV6)))
		return OUTCOME_PASS;
	record = classify_circuit(packet, &link);
	if (!record)
		return OUTCOME_PASS;
	packet->network = link.bytes;
	packet->transmit = record->transmit;
	if (link.protocol == bpf_htons(ETH_P_IPV6) && features.inner6) {
		const struct ipv6hdr *ip = cursor_take(&cursor, sizeof(*ip));

		measure_frame(ctx, packet,
			      ip ? link.bytes + IPV6_BYTES + bpf_ntohs(ip->payload_len) : 0);
		end = respond_neighbour(ctx, packet);
		return end ? end : classify_access6(ctx, packet);
	}
	if (!record->address && features.inner6)
		return OUTCOME_PASS;
	if (link.protocol == bpf_htons(ETH_P_ARP)) {
		measure_frame(ctx, packet, 0);
		return respond_arp(ctx, packet);
	}

	if (!mac_equal(ethernet->h_dest, record->mac))
		return OUTCOME_PASS;
	end = inner_parse(ctx, packet, 0);
	if (end)
		return end;
	if (packet->destination.v4 == record->address)
		return respond_echo(ctx, packet);
	return OUTCOME_CONTINUE;
}

#endif
