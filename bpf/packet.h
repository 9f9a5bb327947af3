/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* packet.h - what the steps of the pipeline tell each other about one packet. */
#ifndef UNUM_PACKET_H
#define UNUM_PACKET_H

#include <stddef.h>
#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "abi.h"

#define ETHERNET_BYTES 14
#define VLAN_TAG_BYTES 4
#define IPV4_BYTES 20
#define IPV6_BYTES 40
#define ICMP_BYTES 8
#define UDP_BYTES 8
#define VXLAN_BYTES 8
#define GENEVE_BYTES 8
#define NVGRE_BYTES 8

#define FAMILY_IPV4 4
#define FAMILY_IPV6 6

/* What a format adds between the outer IP header and the inner Ethernet header. */
static __always_inline __u32 format_bytes(__u8 encapsulation)
{
	return encapsulation == ENCAPSULATION_NVGRE ? NVGRE_BYTES : UDP_BYTES + VXLAN_BYTES;
}

static __always_inline __u32 ip_bytes(__u8 family)
{
	return family == FAMILY_IPV6 ? IPV6_BYTES : IPV4_BYTES;
}

/* From the outer to the inner IP header: what encapsulation takes from the path MTU. */
static __always_inline __u32 overhead_bytes(__u8 family, __u8 encapsulation)
{
	return ip_bytes(family) + format_bytes(encapsulation) + ETHERNET_BYTES;
}

/* The most that it is: IPv6, UDP. */
#define OVERHEAD_MAX (IPV6_BYTES + UDP_BYTES + VXLAN_BYTES + ETHERNET_BYTES)

/*
 * MAC addresses are compared and copied in two parts. Every one of them lies at an even address in
 * frames and map values, and at a multiple of four on the stack; a compiler that does not know that
 * goes byte by byte.
 */
typedef __u16 __attribute__((may_alias)) mac_part;
typedef __u32 __attribute__((may_alias)) mac_start;

static __always_inline void mac_copy(void *to, const void *from)
{
	*(mac_start *)to = *(const mac_start *)from;
	((mac_part *)to)[2] = ((const mac_part *)from)[2];
}

static __always_inline bool mac_equal(const void *a, const void *b)
{
	return !((*(const mac_start *)a ^ *(const mac_start *)b) |
		 (((const mac_part *)a)[2] ^ ((const mac_part *)b)[2]));
}

/* The EtherType, which linux/if_ether.h has in a struct without any alignment: likewise. */
static __always_inline __be16 ethertype_get(const struct ethhdr *ethernet)
{
	return ((const mac_part *)ethernet)[ETH_ALEN];
}

static __always_inline void ethertype_set(struct ethhdr *ethernet, __be16 protocol)
{
	((mac_part *)ethernet)[ETH_ALEN] = protocol;
}

static __always_inline bool mac_is_group(const __u8 *mac)
{
	return mac[0] & 1;
}

static __always_inline bool mac_is_zero(const __u8 *mac)
{
	const mac_part *part = (const mac_part *)mac;

	return !(part[0] | part[1] | part[2]);
}

/* An address of either family; IPv4 in the first word, and only that. */
union ip_address {
	__be32 v4;
	__be32 v6[4];
	__u32 words[4];
};

/* IPv6 addresses lie at even addresses in frames, and at multiples of four elsewhere: as with MACs. */
typedef __u32 __attribute__((may_alias)) address_word;

static __always_inline void address6_copy(void *to, const void *from)
{
	const address_word *words = from;
	address_word *copy = to;

	copy[0] = words[0];
	copy[1] = words[1];
	copy[2] = words[2];
	copy[3] = words[3];
}

static __always_inline bool address6_equal(const void *a, const void *b)
{
	const address_word *x = a, *y = b;

	return !((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]));
}

static __always_inline bool address6_is_zero(const void *address)
{
	const address_word *words = address;

	return !(words[0] | words[1] | words[2] | words[3]);
}

/* A VNI as the first half of a key: three bytes in network order, then enum slot_flags. */
union vni_key {
	struct {
		__u8 vni[3];
		__u8 flags;
	};
	__u32 word;
};

typedef __u32 __attribute__((may_alias)) vni_word;

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

/* The last word of a VM's slot, of either family. Never 0 in a slot that is used. */
union vm_value {
	__u64 word;
	struct {
		__u8 mac[6];
		__u16 endpoint : 14;
		__u16 policy : 2;
	};
};

struct packet {
	__u32 ingress;        /* ifindex of the port it came in on */
	__u32 received_bytes; /* frame as it came in; 0: not measured, and not changed */
	__u32 frame_bytes;    /* as it is now */
	__u32 network;        /* offset of the inner IP header */

	/* where it belongs */
	union vni_key vni;
	__u16 tenant;
	__u16 circuit; /* that it came from; 0: from a tunnel */
	__u16 from;    /* endpoint that it came from; 0: from a circuit */
	bool from_gateway;
	bool originated; /* made here: its TTL is not ours to lower */
	__u8 transmit;   /* enum transmit of the port it came in on, when that has circuits */
	__u8 policy;     /* enum path_policy; INHERIT: not decided yet */

	/* the inner packet */
	bool inner6;
	__u8 tos; /* as it will leave: decapsulation may have marked it */
	__u8 ttl;
	__u8 protocol;      /* IPv6: of what follows the extension headers that were walked */
	__u16 length;       /* of all of the IP packet */
	__u16 header_bytes; /* up to what protocol names; IPv6 extension headers included */
	__be16 fragment;    /* flags and offset as they stand in the header; IPv6: in IPv4's form */
	union ip_address source;
	union ip_address destination;
	__u64 hash; /* of the flow */

	/* for answers to its sender: read_sender() in icmp.h; and where it goes, in the gaps between */
	__u8 sender_mac[ETH_ALEN] __attribute__((aligned(4)));
	__u16 to;                                            /* endpoint */
	__u8 port_mac[ETH_ALEN] __attribute__((aligned(4))); /* that it was sent to */
	__u16 to_circuit;
	union vm_value vm; /* whose MAC is the inner destination; 0: the endpoint's own is */
	__u32 tunnel;      /* slot in tunnels of the endpoint it goes to */
	__u16 mss;         /* that its TCP may offer at most; 0: what it likes */
	__u8 unsummed; /* enum family of the outer headers whose UDP checksum is still to be written */
};

/* Outer IPv6 with the longest Geneve options ends at 336. */
#define NETWORK_MASK 0x1ff

/*
 * How long the frame is, all of its buffers together. To ask the kernel is a call, as dear as a lookup,
 * so a frame whose first buffer ends where its packet does, at packet_end, is taken for whole: should
 * another buffer follow, it travels on as what it is, a trailer that no receiver looks at.
 */
static __always_inline void measure_frame(struct xdp_md *ctx, struct packet *packet,
					  __u32 packet_end)
{
	__u32 bytes = (long)ctx->data_end - (long)ctx->data;

	if (bytes != packet_end)
		bytes = bpf_xdp_get_buff_len(ctx);
	packet->received_bytes = bytes;
	packet->frame_bytes = bytes;
}

/* The offset as the verifier can follow it: what is read back from the stack has no bounds. */
static __always_inline __u32 inner_network(const struct packet *packet)
{
	return packet->network & NETWORK_MASK;
}

/* The Ethernet header that came with the packet: of the frame, or within the tunnel. */
static __always_inline __u32 inner_ethernet(const struct packet *packet)
{
	return packet->from ? (packet->network - ETHERNET_BYTES) & NETWORK_MASK : 0;
}

/*
 * How a step ends: 0 goes on with the next one; anything else is the end of the packet, namely an
 * XDP action in the low byte, the drop reason above it and whether a reply took the packet's place.
 * A reply that is still to go into the tunnel its cause came out of is left to the entry point: the
 * stack of BPF is too short to call down to there.
 */
typedef __u32 outcome;

#define OUTCOME_CONTINUE 0
#define OUTCOME_PASS XDP_PASS
#define OUTCOME_DROP(reason) (XDP_DROP | (__u32)(reason) << 8)
#define OUTCOME_ANSWERED 0x10000
#define OUTCOME_SEND_BACK 0x20000

static __always_inline __u32 outcome_action(outcome end)
{
	return end & 0xff;
}

static __always_inline __u32 outcome_reason(outcome end)
{
	return (end >> 8) & 0xff;
}

#endif
