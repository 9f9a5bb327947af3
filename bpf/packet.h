/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* packet.h - what the steps of the pipeline tell each other about one packet. */
#ifndef UNUM_PACKET_H
#define UNUM_PACKET_H

#include <stddef.h>
#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include "abi.h"

#define ETHERNET_BYTES 14
#define IPV4_BYTES 20
#define ICMP_BYTES 8
#define UDP_BYTES 8
#define VXLAN_BYTES 8

/* From the start of the outer frame to the inner Ethernet header. */
#define OUTER_BYTES (ETHERNET_BYTES + IPV4_BYTES + UDP_BYTES + VXLAN_BYTES)
/* From the outer to the inner IPv4 header: what encapsulation takes from the path MTU. */
#define TUNNEL_OVERHEAD_BYTES (IPV4_BYTES + UDP_BYTES + VXLAN_BYTES + ETHERNET_BYTES)

/*
 * MAC addresses are compared in three parts, and copied in two. Every one of them lies at an even
 * address in frames and map values, and at a multiple of four on the stack; a compiler that does not
 * know that goes byte by byte.
 */
typedef __u16 __attribute__((may_alias)) mac_part;
typedef __u32 __attribute__((may_alias)) mac_start;

static __always_inline void mac_copy(void *to, const void *from)
{
	*(mac_start *)to = *(const mac_start *)from;
	((mac_part *)to)[2] = ((const mac_part *)from)[2];
}

/* A VNI as the first half of a key: three bytes in network order, then enum slot_flags. */
union vni_key {
	struct {
		__u8 vni[3];
		__u8 flags;
	};
	__u32 word;
};

typedef __u32 __attribute__((may_alias, aligned(1))) vni_word;

/*
 * The key of three bytes, with whatever lies behind them. In one piece: a word that was stored byte by
 * byte cannot be loaded again before all of them have reached the cache.
 */
static __always_inline union vni_key vni_key_of(const __u8 *vni)
{
	return (union vni_key){
		.word = (*(const vni_word *)vni & bpf_htonl(0xffffff00)) | bpf_htonl(SLOT_USED),
	};
}

struct packet {
	__u32 ingress;        /* ifindex of the port it came in on */
	__u32 received_bytes; /* frame as it came in */
	__u32 frame_bytes;    /* as it is now */
	__u32 ethernet; /* offset of the Ethernet header next to the inner packet: 0 or OUTER_BYTES */

	/* where it belongs */
	union vni_key vni;
	__u16 tenant;
	__u16 circuit; /* that it came from; 0: from a tunnel */
	__u16 from;    /* endpoint that it came from; 0: from a circuit */
	bool from_gateway;
	bool originated;       /* made here: its TTL is not ours to lower */
	__be32 router_address; /* ours, for answers to its sender; 0: none */
	__u8 transmit;         /* enum transmit of the port it came in on, when that has circuits */

	/* the inner packet */
	__be32 source;
	__be32 destination;
	__u16 length; /* IPv4 total length */
	__u16 header_bytes;
	__be16 fragment; /* flags and offset as they stand in the header */
	__u8 tos;        /* as it will leave: decapsulation may have marked it */
	__u8 ttl;
	__u8 protocol;
	__u64 hash; /* of the flow */

	/* for answers to its sender: read_sender() in icmp.h */
	__u8 sender_mac[ETH_ALEN] __attribute__((aligned(4)));
	__u8 port_mac[ETH_ALEN] __attribute__((aligned(4))); /* that it was sent to */

	/* where it goes */
	__u16 to; /* endpoint */
	__u16 to_circuit;
	__u8 mac[ETH_ALEN] __attribute__((aligned(4))); /* inner destination, when it is a VM's */
	bool has_mac;
};

/* The offset as the verifier can follow it: what is read back from the stack has no bounds. */
static __always_inline __u32 inner_ethernet(const struct packet *packet)
{
	return packet->ethernet & 0x3f;
}

/*
 * How a step ends: 0 goes on with the next one; anything else is the end of the packet, namely an
 * XDP action in the low byte, the drop reason above it and whether a reply took the packet's place.
 */
typedef __u32 outcome;

#define OUTCOME_CONTINUE 0
#define OUTCOME_PASS XDP_PASS
#define OUTCOME_DROP(reason) (XDP_DROP | (__u32)(reason) << 8)
#define OUTCOME_ANSWERED 0x10000

static __always_inline __u32 outcome_action(outcome end)
{
	return end & 0xff;
}

static __always_inline __u32 outcome_reason(outcome end)
{
	return (end >> 8) & 0xff;
}

#endif
