// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * unum.bpf.c - the packet path, from port to port.
 *
 *   classify   which tenant, and which inner packet      classify.h, decapsulate.h, inner.h
 *   look up    VM, else the longest route                lookup.h, table.h
 *   select     a usable endpoint                         select.h
 *   rewrite    into a tunnel, or onto a circuit          encapsulate.h, deliver.h, outer.h, vxlan.h
 *   send       and count                                 verdict.h
 *
 * Deciding never touches a byte of the packet, so what a dropped packet's sender is told quotes what
 * it sent (icmp.h). A port's role is which of the three programs at the end is attached to it.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "classify.h"
#include "decapsulate.h"
#include "deliver.h"
#include "encapsulate.h"
#include "icmp.h"
#include "lookup.h"
#include "packet.h"
#include "respond.h"
#include "select.h"
#include "verdict.h"

/* Sends packet, made here, back into the tunnel that its cause came out of. */
__noinline outcome send_back(struct xdp_md *ctx, struct packet *packet)
{
	const struct tunnel *tunnel;
	struct profile profile;

	if (!packet)
		return OUTCOME_DROP(DROP_INVALID_ENTRY);
	tunnel = tunnel_get(endpoint_get(packet->from).tunnel);
	if (!tunnel || tunnel->transmit == TRANSMIT_NONE)
		return OUTCOME_DROP(DROP_NO_NEXT_HOP);
	profile = profile_get(tunnel->profile);
	if (!(profile.flags & PROFILE_VALID))
		return OUTCOME_DROP(DROP_INVALID_ENTRY);
	if (packet->length > tunnel_inner_mtu(tunnel, profile))
		return OUTCOME_DROP(DROP_TOO_BIG);
	packet->to = packet->from;
	packet->has_mac = true;
	mac_copy(packet->mac, packet->sender_mac);
	return encapsulate(ctx, packet, tunnel, profile);
}

/* Drops for reason and tells the sender. The action is that of the answer, if there is one. */
__noinline outcome refuse(struct xdp_md *ctx, struct packet *packet, __u8 reason,
			  __u16 type_and_code, __u16 mtu)
{
	outcome end;

	if (!packet || !icmp_error(ctx, packet, type_and_code, mtu))
		return OUTCOME_DROP(reason);
	end = packet->from ? send_back(ctx, packet) : verdict_answer(packet);
	if (!verdict_is_sent(end))
		return OUTCOME_DROP(reason);
	count_own(false);
	return end | reason << 8;
}

static __always_inline outcome refuse_size(struct xdp_md *ctx, struct packet *packet, __u32 mtu)
{
	if (!(packet->fragment & bpf_htons(IPV4_DONT_FRAGMENT)))
		return OUTCOME_DROP(DROP_NEEDS_FRAGMENTATION);
	return refuse(ctx, packet, DROP_TOO_BIG, ICMP_FRAGMENTATION_NEEDED, mtu);
}

static __always_inline outcome forward_to_endpoint(struct xdp_md *ctx, struct packet *packet,
						   const struct tunnel *tunnel)
{
	struct profile profile = profile_get(tunnel->profile);
	__u32 mtu = tunnel_inner_mtu(tunnel, profile);

	if (!(profile.flags & PROFILE_VALID) || profile.encapsulation != ENCAPSULATION_VXLAN)
		return OUTCOME_DROP(DROP_INVALID_ENTRY);
	if (packet->ttl <= 1)
		return refuse(ctx, packet, DROP_TTL_EXPIRED, ICMP_TTL_EXPIRED, 0);
	if (packet->length > mtu)
		return refuse_size(ctx, packet, mtu);
	return encapsulate(ctx, packet, tunnel, profile);
}

/* A circuit's own address, reached from elsewhere: echo is answered the way it came. */
__noinline outcome answer_for_circuit(struct xdp_md *ctx, struct packet *packet)
{
	outcome end;

	if (!packet)
		return OUTCOME_DROP(DROP_INVALID_ENTRY);
	if (!packet->from)
		return respond_echo(ctx, packet);
	if (!read_sender(ctx, packet))
		return OUTCOME_DROP(DROP_MALFORMED);
	end = echo_in_place(ctx, packet);
	if (end)
		return end;
	return answered(send_back(ctx, packet));
}

static __always_inline outcome forward_to_circuit(struct xdp_md *ctx, struct packet *packet)
{
	struct circuit circuit = circuit_get(packet->to_circuit);
	const struct circuit_record *record = circuit_record_get(circuit.record);
	__u8 mac[ETH_ALEN] __attribute__((aligned(4)));

	/* The tenant check is belt and braces: a route can only name a circuit of its own tenant. */
	if (!(circuit.flags & CIRCUIT_VALID) || !record || circuit.tenant != packet->tenant)
		return OUTCOME_DROP(DROP_INVALID_ENTRY);
	if (packet->from)
		packet->router_address = record->address;
	if (packet->destination == record->address)
		return answer_for_circuit(ctx, packet);
	if (packet->to_circuit == packet->circuit)
		return OUTCOME_DROP(DROP_SPLIT_HORIZON);
	if (is_directed_broadcast(packet->destination, record))
		return OUTCOME_DROP(DROP_MARTIAN_ADDRESS);
	if (packet->ttl <= 1)
		return refuse(ctx, packet, DROP_TTL_EXPIRED, ICMP_TTL_EXPIRED, 0);
	if (packet->length > record->mtu)
		return refuse_size(ctx, packet, record->mtu);
	if (!peer_mac(packet, circuit, record, mac))
		return ask_peer(ctx, packet, circuit.record);
	return deliver(ctx, packet, record, mac);
}

/* The exact VM over its server, else the tenant's longest route. */
static __always_inline outcome forward(struct xdp_md *ctx, struct packet *packet)
{
	const struct tunnel *tunnel = NULL;
	__u32 refusal = DROP_NO_ROUTE;
	struct route4 route;
	struct vm4_slot vm;

	if (vm_find(packet->vni, packet->destination, &vm))
		refusal = select_direct(packet, &vm, &tunnel);
	if (may_take_route(refusal)) {
		if (!route_find(packet->vni, packet->destination, &route))
			return OUTCOME_DROP(refusal);
		if (route.kind == ROUTE_KIND_CIRCUIT) {
			packet->to_circuit = route.target;
			return forward_to_circuit(ctx, packet);
		}
		refusal = select_from_group(packet, route.target, &tunnel);
	}
	if (refusal || !tunnel)
		return OUTCOME_DROP(refusal);
	return forward_to_endpoint(ctx, packet, tunnel);
}

static __always_inline struct packet packet_start(struct xdp_md *ctx)
{
	__u32 bytes = bpf_xdp_get_buff_len(ctx);

	return (struct packet){
		.ingress = ctx->ingress_ifindex,
		.received_bytes = bytes,
		.frame_bytes = bytes,
	};
}

SEC("xdp.frags")
int unum_access(struct xdp_md *ctx)
{
	struct packet packet = packet_start(ctx);
	outcome end = classify_access(ctx, &packet);

	if (!end)
		end = forward(ctx, &packet);
	return verdict_finish(&packet, end);
}

SEC("xdp.frags")
int unum_underlay(struct xdp_md *ctx)
{
	struct packet packet = packet_start(ctx);
	outcome end = classify_tunnel(ctx, &packet);

	if (!end) {
		count_from_endpoint(&packet);
		end = forward(ctx, &packet);
	}
	return verdict_finish(&packet, end);
}

/*
 * One-armed: what is no tunnel packet of ours may still come from a circuit. What is addressed to the
 * edge itself (ping, ssh, BFD from the underlay) is the stack's, and not the circuit's tenant's.
 */
SEC("xdp.frags")
int unum_both(struct xdp_md *ctx)
{
	struct packet packet = packet_start(ctx);
	outcome end = classify_tunnel(ctx, &packet);

	if (!end)
		count_from_endpoint(&packet);
	else if (end == OUTCOME_PASS && !is_to_edge(ctx))
		end = classify_access(ctx, &packet);
	if (!end)
		end = forward(ctx, &packet);
	return verdict_finish(&packet, end);
}

char program_license[] SEC("license") = "Dual BSD/GPL";
