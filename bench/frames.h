/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * frames.h - the frames that the bench sends, and how their headers are written.
 *
 * bench/plan.ts has the same addresses.
 */
#ifndef BENCH_FRAMES_H
#define BENCH_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* The headers that a customer's frame starts with, and those that a server puts in front of it. */
struct inner {
	struct ethhdr ethernet;
	struct iphdr ip;
	struct udphdr udp;
} __attribute__((packed));

struct outer {
	struct inner headers;
	__be32 vxlan_flags;
	__be32 vni;
} __attribute__((packed));

/* A frame of 64 bytes, before it goes into a tunnel or after. */
#define FRAME_BYTES 64
#define IP_BYTES (FRAME_BYTES - sizeof(struct ethhdr))
#define OUTER_IP_BYTES (FRAME_BYTES + sizeof(struct outer) - sizeof(struct ethhdr))

#define FIRST_VM 0x0a400000     /* 10.64.0.0 and on */
#define FIRST_SERVER 0x0a020100 /* 10.2.1.0 and on */
#define EDGE_ADDRESS 0x0a020001 /* 10.2.0.1 */
#define CUSTOMER 0x0a010002     /* 10.1.0.2 */
#define VNI 100

/* Of IPv6, the first three words; the last one is that of IPv4 above, or small. */
#define VM6                                                                                        \
	{                                                                                          \
		0x20010db8, 0x00400000, 0                                                          \
	}
#define SERVER6                                                                                    \
	{                                                                                          \
		0x20010db8, 0x00020001, 0                                                          \
	}
#define EDGE6                                                                                      \
	{                                                                                          \
		0x20010db8, 0x00020000, 0                                                          \
	}
#define CUSTOMER6                                                                                  \
	{                                                                                          \
		0x20010db8, 0x00010000, 0                                                          \
	}

struct settings {
	__u32 vms;     /* that frames go to, or come from */
	__u32 servers; /* VM n is on server n % servers; a power of two */
	__u32 into;    /* ifindex that the sources send into */
	__u8 port_mac[6];
	__u8 sender_mac[6];
};

static __always_inline __u32 choose(__u32 random, __u32 count)
{
	return ((__u64)random * count) >> 32;
}

static __always_inline void write_headers(struct inner *headers, const struct settings *set,
					  __u32 source, __u32 destination, __u16 bytes,
					  __be16 source_port, __be16 destination_port)
{
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.tot_len = bpf_htons(bytes),
		.frag_off = bpf_htons(0x4000),
		.ttl = 64,
		.protocol = IPPROTO_UDP,
		.saddr = bpf_htonl(source),
		.daddr = bpf_htonl(destination),
	};
	/* Words of the header, in host order. */
	__u32 sum = 0x4500 + bytes + 0x4000 + (64 << 8 | IPPROTO_UDP) + (source >> 16) +
		    (source & 0xffff) + (destination >> 16) + (destination & 0xffff);

	sum = (sum & 0xffff) + (sum >> 16);
	ip.check = bpf_htons(~(sum + (sum >> 16)) & 0xffff);
	__builtin_memcpy(headers->ethernet.h_dest, set->port_mac, ETH_ALEN);
	__builtin_memcpy(headers->ethernet.h_source, set->sender_mac, ETH_ALEN);
	headers->ethernet.h_proto = bpf_htons(ETH_P_IP);
	headers->ip = ip;
	headers->udp = (struct udphdr){
		.source = source_port,
		.dest = destination_port,
		.len = bpf_htons(bytes - sizeof(ip)),
	};
}

struct address6 {
	__u32 words[3];
};

static __always_inline __u8 *write_ethernet(__u8 *at, const struct settings *set, __u16 type)
{
	struct ethhdr *ethernet = (void *)at;

	__builtin_memcpy(ethernet->h_dest, set->port_mac, ETH_ALEN);
	__builtin_memcpy(ethernet->h_source, set->sender_mac, ETH_ALEN);
	ethernet->h_proto = bpf_htons(type);
	return at + sizeof(*ethernet);
}

static __always_inline __u8 *write_ipv4(__u8 *at, __u32 source, __u32 destination, __u16 bytes,
					__u8 protocol)
{
	struct iphdr *ip = (void *)at;
	__u32 sum = 0x4500 + bytes + 0x4000 + (64 << 8 | protocol) + (source >> 16) +
		    (source & 0xffff) + (destination >> 16) + (destination & 0xffff);

	sum = (sum & 0xffff) + (sum >> 16);
	*ip = (struct iphdr){
		.version = 4,
		.ihl = 5,
		.tot_len = bpf_htons(bytes),
		.frag_off = bpf_htons(0x4000),
		.ttl = 64,
		.protocol = protocol,
		.check = bpf_htons(~(sum + (sum >> 16)) & 0xffff),
		.saddr = bpf_htonl(source),
		.daddr = bpf_htonl(destination),
	};
	return at + sizeof(*ip);
}

static __always_inline void write_address6(struct in6_addr *to, struct address6 prefix, __u32 last)
{
	to->s6_addr32[0] = bpf_htonl(prefix.words[0]);
	to->s6_addr32[1] = bpf_htonl(prefix.words[1]);
	to->s6_addr32[2] = bpf_htonl(prefix.words[2]);
	to->s6_addr32[3] = bpf_htonl(last);
}

static __always_inline struct ipv6hdr *write_ipv6(__u8 *at, __u16 bytes, __u8 protocol)
{
	struct ipv6hdr *ip = (void *)at;

	*(__be32 *)at = bpf_htonl(6 << 28);
	ip->payload_len = bpf_htons(bytes - sizeof(*ip));
	ip->nexthdr = protocol;
	ip->hop_limit = 64;
	return ip;
}

/* The sender of a frame is the customer, or else VM n; the other one is its receiver. */
static __always_inline void write_inner(__u8 *at, const struct settings *set, bool ipv6, __u32 vm,
					bool from_customer, __u32 ports)
{
	__u16 ip_bytes = IP_BYTES, udp_bytes;

	at = write_ethernet(at, set, ipv6 ? ETH_P_IPV6 : ETH_P_IP);
	if (ipv6) {
		struct ipv6hdr *ip = write_ipv6(at, ip_bytes, IPPROTO_UDP);
		struct address6 customer = {.words = CUSTOMER6}, vms = {.words = VM6};

		write_address6(from_customer ? &ip->saddr : &ip->daddr, customer, 2);
		write_address6(from_customer ? &ip->daddr : &ip->saddr, vms, vm);
		at += sizeof(*ip);
		udp_bytes = ip_bytes - sizeof(*ip);
	} else {
		at = write_ipv4(at, from_customer ? CUSTOMER : FIRST_VM + vm,
				from_customer ? FIRST_VM + vm : CUSTOMER, ip_bytes, IPPROTO_UDP);
		udp_bytes = ip_bytes - sizeof(struct iphdr);
	}
	*(struct udphdr *)at = (struct udphdr){
		.source = ports,
		.dest = ports >> 16,
		.len = bpf_htons(udp_bytes),
	};
}

#endif
