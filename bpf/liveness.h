/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * liveness.h - which endpoints answer, as far as packets need to know.
 *
 * The host keeps BFD sessions (RFC 5880) with endpoints and says of each whether it is stale: one store for all of its VMs. Two
 * things are done here, where they do not wait for a process. Control packets that no session of ours can have are dropped before
 * they reach one, by name. And the others leave a mark, so that an endpoint is given up after its detection time even when the
 * host is late.
 *
 * Time is that of the host's clock in liveness_clock, not the kernel's: a host that is stopped hears nobody, so nobody falls silent.
 */
#ifndef UNUM_LIVENESS_H
#define UNUM_LIVENESS_H

#include <linux/in.h>
#include <linux/udp.h>
#include "config.h"
#include "cursor.h"
#include "lookup.h"

#define LIVENESS_PORT 3784          /* RFC 5881 section 4: from a neighbour */
#define LIVENESS_PORT_MULTIHOP 4784 /* RFC 5883 section 5 */
#define LIVENESS_TTL 255            /* RFC 5881 section 5: no router can have sent it on */
#define LIVENESS_BYTES 24
#define LIVENESS_NS_PER_MS 1000000ULL

/* RFC 5880 section 4.1, as far as it is looked at here. */
struct control_packet {
	__u8 version_diagnostic;
	__u8 state_flags;
	__u8 multiplier;
	__u8 length;
	__be32 my_discriminator;
	__be32 your_discriminator;
	__be32 intervals[3];
};

/* Whether an endpoint that is watched is to be left out. */
__noinline bool liveness_is_stale(__u32 index)
{
	struct liveness word = liveness_at(&liveness, index);
	__u64 now, heard;

	if (word.state == ENDPOINT_STATE_STALE)
		return true;
	if (!word.detect_ms)
		return false;
	heard = liveness_time_at(&liveness_heard, index).ns;
	now = liveness_time_at(&liveness_clock, 0).ns;
	/* A mark may be newer than the clock that was read. */
	return (__s64)(now - heard) > (__s64)(word.detect_ms * LIVENESS_NS_PER_MS);
}

static __always_inline bool is_liveness_port(__be16 port)
{
	return port == bpf_htons(LIVENESS_PORT) || port == bpf_htons(LIVENESS_PORT_MULTIHOP);
}

static __always_inline void liveness_mark(__u32 index)
{
	__u64 *heard = bpf_map_lookup_elem(&liveness_heard, &index);

	if (heard)
		*(volatile __u64 *)heard = liveness_time_at(&liveness_clock, 0).ns;
}

/*
 * A datagram to the port of BFD at an own address, from endpoint; 0: from a stranger. udp is the offset of its header. What is right
 * goes to the host, as does what is for somebody else's session with the endpoint.
 */
__noinline outcome liveness_hear(struct xdp_md *ctx, __u32 udp, __u32 endpoint, __u32 ttl)
{
	struct cursor cursor = cursor_at(ctx, udp & NETWORK_MASK);
	const struct udphdr *header = cursor_take(&cursor, sizeof(*header));
	const struct control_packet *packet;
	struct liveness word;
	__u32 payload;

	if (!endpoint)
		return OUTCOME_DROP(DROP_LIVENESS_STRANGER);
	if (!header)
		return OUTCOME_DROP(DROP_LIVENESS_LENGTH);
	word = liveness_at(&liveness, endpoint);
	if (!word.discriminator)
		return OUTCOME_PASS;
	if (header->dest == bpf_htons(LIVENESS_PORT) && ttl != LIVENESS_TTL)
		return OUTCOME_DROP(DROP_LIVENESS_TTL);
	payload = bpf_ntohs(header->len) - sizeof(*header);
	packet = cursor_take(&cursor, LIVENESS_BYTES);
	if (!packet || payload > 0xffff || packet->length < LIVENESS_BYTES ||
	    packet->length > payload)
		return OUTCOME_DROP(DROP_LIVENESS_LENGTH);
	if (packet->version_diagnostic >> 5 != 1)
		return OUTCOME_DROP(DROP_LIVENESS_VERSION);
	if (packet->your_discriminator &&
	    packet->your_discriminator != bpf_htonl(word.discriminator))
		return OUTCOME_DROP(DROP_LIVENESS_DISCRIMINATOR);
	/* Init or up, and the endpoint knows with whom. */
	if (packet->state_flags >> 7 && packet->your_discriminator)
		liveness_mark(endpoint);
	return OUTCOME_PASS;
}

/* Whether an IPv4 address is where the edge's tunnels end. */
static __always_inline bool is_edge_address(__be32 address)
{
	__u32 zero = 0;
	const struct edge *entry = bpf_map_lookup_elem(&edge, &zero);

	return entry && entry->address && entry->address == address;
}

#endif
