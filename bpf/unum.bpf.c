// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * unum.bpf.c - the packet path, from port to port.
 *
 *   classify   which tenant, and which inner packet      classify.h, match.h, decapsulate.h, inner.h
 *   look up    VM, else the longest route                lookup.h, table.h
 *   select     a usable endpoint, that policy allows     select.h
 *   fits       size and rate                             path_mtu.h, limit.h, else icmp.h
 *   rewrite    into a tunnel, or onto a circuit          encapsulate.h, deliver.h, outer.h, formats
 *   send       and count                                 verdict.h
 *
 * IPv4 goes through it inline; IPv6 takes the same steps in functions of its own, so that an edge that
 * has no IPv6 pays nothing for it, and the verifier looks at each once.
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
#include "limit.h"
#include "lookup.h"
#include "mss.h"
#include "neighbour.h"
#include "packet.h"
#include "path_mtu.h"
#include "respond.h"
#include "select.h"
#include "verdict.h"

static __always_inline outcome refusal_sent(struct packet *packet, __u8 reason)
{
	outcome end;

	if (packet->from)
		return OUTCOME_SEND_BACK | OUTCOME_DROP(reason);
	end = verdict_answer(packet);
	if (!verdict_is_sent(end))
		return OUTCOME_DROP(reason);
	count_own(false);
	return end | reason << 8;
}

__noinline outcome refuse6(struct xdp_md *ctx, struct packet *packet, __u8 reason,
			   __u16 type_and_code, __u16 mtu)
{
	if (!packet || !icmp_error(ctx, packet, type_and_code, mtu, true))
		return OUTCOME_DROP(reason);
	return refusal_sent(packet, reason);
}

/* Drops for reason and tells the sender. The action is that of the answer, if there is one. */
__noinline outcome refuse(struct xdp_md *ctx, struct packet *packet, __u8 reason,
			  __u16 type_and_code, __u16 mtu)
{
	if (!packet || !icmp_error(ctx, packet, type_and_code, mtu, false))
		return OUTCOME_DROP(reason);
	return refusal_sent(packet, reason);
}

static __always_inline outcome refuse_ttl(struct xdp_md *ctx, struct packet *packet, bool inner6)
{
	return inner6 ? refuse6(ctx, packet, DROP_TTL_EXPIRED, ICMP6_HOP_LIMIT_EXCEEDED, 0)
		      : refuse(ctx, packet, DROP_TTL_EXPIRED, ICMP_TTL_EXPIRED, 0);
}

static __always_inline outcome refuse_size(struct xdp_md *ctx, struct packet *packet, __u32 mtu,
					   bool inner6)
{
	/* RFC 8201 section 4: no IPv6 sender goes below 1280. */
	if (inner6)
		return refuse6(ctx, packet, DROP_TOO_BIG, ICMP6_PACKET_TOO_BIG,
			       mtu < PATH_MTU_MIN6 ? PATH_MTU_MIN6 : mtu);
	if (!(packet->fragment & bpf_htons(IPV4_DONT_FRAGMENT)))
		return OUTCOME_DROP(DROP_NEEDS_FRAGMENTATION);
	return refuse(ctx, packet, DROP_TOO_BIG, ICMP_FRAGMENTATION_NEEDED, mtu);
}

static __always_inline outcome forward_to_endpoint(struct xdp_md *ctx, struct packet *packet,
						   const struct tunnel *tunnel, bool inner6)
{
	union profile_word profile = {.value = profile_get(tunnel->profile)};

	if (!(profile.value.flags & PROFILE_VALID))
		return OUTCOME_DROP(DROP_INVALID_ENTRY);
	if (packet->ttl <= 1)
		return refuse_ttl(ctx, packet, inner6);
	/* What every path takes needs no look at this one. */
	if (packet->length + OVERHEAD_MAX > PATH_MTU_MIN || tunnel->mtu < PATH_MTU_MIN) {
		__u32 mtu = tunnel_inner_mtu(packet->tunnel, profile.word, packet->to);

		if (packet->length > mtu)
			return refuse_size(ctx, packet, mtu, inner6);
	}
	if (features.rate_limit &&
	    !limits_allow_sending(tunnel->profile,
				  packet->length + overhead_bytes(tunnel->family,
								  profile.value.encapsulation),
				  packet->tenant, packet->length))
		return OUTCOME_DROP(DROP_RATE_LIMIT);
	return encapsulate(ctx, packet, tunnel, profile.value, inner6);
}

/* An address of our own: echo is answered the way it came. */
__noinline outcome answer_own_address(struct xdp_md *ctx, struct packet *packet)
{
	outcome end;

	if (!packet)
		return OUTCOME_DROP(DROP_INVALID_ENTRY);
	if (!packet->from)
		return respond_echo(ctx, packet);
	if (!read_sender(ctx, packet))
		return OUTCOME_DROP(DROP_MALFORMED);
	end = answer_echo(ctx, packet);
	return end ? end : OUTCOME_SEND_BACK;
}

static __always_inline bool is_circuit_address(const struct packet *packet,
					       const struct circuit_record *record, bool inner6)
{
	return inner6 ? address6_equal(&packet->destination, record->address6)
		      : packet->destination.v4 == record->address;
}

static __always_inline outcome forward_to_circuit(struct xdp_md *ctx, struct packet *packet,
						  bool inner6)
{
	struct circuit circuit = circuit_get(packet->to_circuit);
	const struct circuit_record *record = circuit_record_get(circuit.record);
	__u8 mac[ETH_ALEN] __attribute__((aligned(4)));

	/* The tenant check is belt and braces: a route can only name a circuit of its own tenant. */
	if (!(circuit.flags & CIRCUIT_VALID) || !record || circuit.tenant != packet->tenant)
		return OUTCOME_DROP(DROP_INVALID_ENTRY);
	if (features.inner6 && (inner6 ? address6_is_zero(record->address6) : !record->address))
		return OUTCOME_DROP(DROP_INVALID_ENTRY);
	if (is_circuit_address(packet, record, inner6))
		return answer_own_address(ctx, packet);
	if (packet->to_circuit == packet->circuit)
		return OUTCOME_DROP(DROP_SPLIT_HORIZON);
	if (!inner6 && is_directed_broadcast(packet->destination.v4, record))
		return OUTCOME_DROP(DROP_MARTIAN_ADDRESS);
	if (packet->ttl <= 1)
		return refuse_ttl(ctx, packet, inner6);
	if (packet->length > record->mtu)
		return refuse_size(ctx, packet, record->mtu, inner6);
	if (!peer_mac(packet, circuit, record, inner6, mac))
		return inner6 ? ask_peer6(ctx, packet, circuit.record)
			      : ask_peer(ctx, packet, circuit.record);
	return deliver(ctx, packet, record, mac, inner6);
}

/* The exact VM over its server, else the tenant's longest route. */
static __always_inline outcome forward(struct xdp_md *ctx, struct packet *packet, bool inner6)
{
	const struct tunnel *tunnel = NULL;
	__u32 refusal = DROP_NO_ROUTE;
	union vm_value vm = {};
	struct route route = {};

	if (vm_find(packet, &packet->destination, inner6, &vm)) {
		decide_policy(packet, vm.policy);
		refusal = select_direct(packet, vm, &tunnel);
	} else {
		decide_policy(packet, PATH_POLICY_INHERIT);
	}
	if (refusal && may_take_route(packet, refusal)) {
		if (!route_find(packet, &packet->destination, inner6, &route))
			return OUTCOME_DROP(refusal);
		if (route.kind == ROUTE_KIND_SELF)
			return answer_own_address(ctx, packet);
		if (route.kind == ROUTE_KIND_CIRCUIT) {
			packet->to_circuit = route.target;
			return forward_to_circuit(ctx, packet, inner6);
		}
		refusal = select_from_group(packet, route.target, &tunnel);
	}
	if (refusal || !tunnel)
		return OUTCOME_DROP(refusal);
	return forward_to_endpoint(ctx, packet, tunnel, inner6);
}

/* Sends packet, made here, back into the tunnel that its cause came out of. */
static __always_inline outcome reply_encapsulate(struct xdp_md *ctx, struct packet *packet)
{
	union profile_word profile = {};
	const struct tunnel *tunnel;

	if (!packet)
		return OUTCOME_DROP(DROP_INVALID_ENTRY);
	packet->tunnel = endpoint_get(packet->from).tunnel;
	tunnel = tunnel_get(packet->tunnel);
	if (!tunnel || tunnel->transmit == TRANSMIT_NONE)
		return OUTCOME_DROP(DROP_NO_NEXT_HOP);
	profile.value = profile_get(tunnel->profile);
	if (!(profile.value.flags & PROFILE_VALID))
		return OUTCOME_DROP(DROP_INVALID_ENTRY);
	if (packet->length > tunnel_inner_mtu(packet->tunnel, profile.word, packet->from))
		return OUTCOME_DROP(DROP_TOO_BIG);
	packet->to = packet->from;
	packet->vm.endpoint = packet->from;
	mac_copy(packet->vm.mac, packet->sender_mac);
	return encapsulate_any(ctx, packet, profile.word);
}

/* The end of a packet that became a reply: an error about it, which counts as its drop, or an echo. */
__noinline outcome send_back(struct xdp_md *ctx, struct packet *packet, outcome cause)
{
	outcome end = reply_encapsulate(ctx, packet);
	__u32 reason = outcome_reason(cause);

	if (!reason)
		return answered(end);
	if (!verdict_is_sent(end))
		return OUTCOME_DROP(reason);
	count_own(false);
	return end | reason << 8;
}

__noinline outcome forward4(struct xdp_md *ctx, struct packet *packet)
{
	return packet ? forward(ctx, packet, false) : OUTCOME_DROP(DROP_INVALID_ENTRY);
}

__noinline outcome forward6(struct xdp_md *ctx, struct packet *packet)
{
	return packet ? forward(ctx, packet, true) : OUTCOME_DROP(DROP_INVALID_ENTRY);
}

static __always_inline outcome forward_packet(struct xdp_md *ctx, struct packet *packet)
{
	outcome end =
		packet->inner6 && features.inner6 ? forward6(ctx, packet) : forward4(ctx, packet);

	return end & OUTCOME_SEND_BACK ? send_back(ctx, packet, end) : end;
}

static __always_inline struct packet packet_start(struct xdp_md *ctx)
{
	return (struct packet){.ingress = ctx->ingress_ifindex};
}

/* A packet out of a tunnel that may be in it: ready to be forwarded, and counted. */
static __always_inline outcome receive_tunnel(struct xdp_md *ctx, struct packet *packet)
{
	struct outer outer = {};
	outcome end = classify_tunnel(ctx, packet, &outer);

	if (!end && (features.udp_checksum || features.dscp_uniform || features.mss_clamp))
		end = apply_sender_profile(ctx, packet, &outer);
	if (!end && features.rate_limit && !limit_allows_receiving(packet->tenant, packet->length))
		end = OUTCOME_DROP(DROP_RATE_LIMIT);
	if (!end)
		count_from_endpoint(packet);
	else if (end == OUTCOME_PASS)
		path_mtu_hear(ctx);
	return end;
}

/* Completes what leaves, and counts. */
static __always_inline int finish(struct xdp_md *ctx, struct packet *packet, outcome end)
{
	if (features.udp_checksum && packet->unsummed &&
	    !udp_checksum_write(ctx, packet->unsummed,
				packet->length + ETHERNET_BYTES + VXLAN_BYTES + UDP_BYTES))
		end = OUTCOME_DROP(DROP_MALFORMED);
	return verdict_finish(ctx, packet, end);
}

SEC("xdp.frags")
int unum_access(struct xdp_md *ctx)
{
	struct packet packet = packet_start(ctx);
	outcome end = classify_access(ctx, &packet);

	if (!end)
		end = packet.inner6 && features.inner6 ? forward6(ctx, &packet)
						       : forward(ctx, &packet, false);
	return finish(ctx, &packet, end);
}

SEC("xdp.frags")
int unum_underlay(struct xdp_md *ctx)
{
	struct packet packet = packet_start(ctx);
	outcome end = receive_tunnel(ctx, &packet);

	if (!end)
		end = forward_packet(ctx, &packet);
	return finish(ctx, &packet, end);
}

/* classify_access with a stack of its own; unum_access has it inline, where it costs least. */
__noinline outcome classify_either(struct xdp_md *ctx, struct packet *packet)
{
	if (!packet || is_to_edge(ctx))
		return OUTCOME_PASS;
	return classify_access(ctx, packet);
}

/*
 * One-armed: what is no tunnel packet of ours may still come from a circuit. What is addressed to the
 * edge itself (ping, ssh, BFD from the underlay) is the stack's, and not the circuit's tenant's.
 */
SEC("xdp.frags")
int unum_both(struct xdp_md *ctx)
{
	struct packet packet = packet_start(ctx);
	outcome end = receive_tunnel(ctx, &packet);

	if (end == OUTCOME_PASS)
		end = classify_either(ctx, &packet);
	if (!end)
		end = forward_packet(ctx, &packet);
	return finish(ctx, &packet, end);
}

char program_license[] SEC("license") = "Dual BSD/GPL";
