// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * chain.bpf.c - what a measured program stands between: a source of frames, the least that a program
 * can do, and a sink.
 *
 * The sources run as live frames (BPF_F_TEST_XDP_LIVE_FRAMES). A recycled frame comes back with its
 * pointers reset and its bytes as the last receiver left them, so every header is written each time.
 * One random number a frame chooses the VM, and with it the server and the ports.
 */
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
#include "bpf/abi.h"
#include "bpf/table.h"

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

/* bench/plan.ts has the same addresses. */
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

/* Of one run: the host sets it to zero before. Times are CLOCK_MONOTONIC nanoseconds. */
struct seen {
	__u64 frames;
	__u64 bytes;
	__u64 first; /* when the first frame was made */
	__u64 last;  /* when a frame last arrived, to within SEEN_EVERY frames */
};

#define SEEN_EVERY 16

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct settings);
} settings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct seen);
} seen SEC(".maps");

/* Where the bare redirects go: element 0. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} way_out SEC(".maps");

/* The same VMs in unum's table and in the kernel's: the host sets the sizes. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct vm4_bucket);
} buckets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
} moves SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, __u64);
} hash SEC(".maps");

static __always_inline const struct settings *settings_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&settings, &zero);
}

static __always_inline struct seen *seen_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&seen, &zero);
}

static __always_inline void source_begins(void)
{
	struct seen *counted = seen_get();

	if (counted && !counted->first)
		counted->first = bpf_ktime_get_ns();
}

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

/* Another 32 bits out of a random number, for the ports. */
static __always_inline __u32 mix(__u32 random)
{
	return random * 0x9e3779b1;
}

/* As a customer sends them to VMs. */
SEC("xdp")
int source_inner(struct xdp_md *ctx)
{
	const struct settings *set = settings_get();
	struct inner *frame = (void *)(long)ctx->data;
	__u32 random = bpf_get_prandom_u32(), ports = mix(random);

	if (!set || (void *)(frame + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	source_begins();
	write_headers(frame, set, CUSTOMER, FIRST_VM + choose(random, set->vms), IP_BYTES, ports,
		      ports >> 16);
	return bpf_redirect(set->into, 0);
}

/* As servers send them, from VMs to the customer. */
SEC("xdp")
int source_tunnel(struct xdp_md *ctx)
{
	const struct settings *set = settings_get();
	struct outer *outer = (void *)(long)ctx->data;
	struct inner *inner = (void *)(outer + 1);
	__u32 random = bpf_get_prandom_u32(), ports = mix(random), vm;

	if (!set || (void *)(inner + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	source_begins();
	vm = choose(random, set->vms);
	write_headers(&outer->headers, set, FIRST_SERVER + (vm & (set->servers - 1)), EDGE_ADDRESS,
		      OUTER_IP_BYTES, ports >> 16, bpf_htons(4789));
	outer->vxlan_flags = bpf_htonl(0x08000000);
	outer->vni = bpf_htonl(VNI << 8);
	write_headers(inner, set, FIRST_VM + vm, CUSTOMER, IP_BYTES, ports, ports >> 16);
	return bpf_redirect(set->into, 0);
}

/* Frames of every other make: one program for each, so that none pays for what another needs. */

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

SEC("xdp")
int source_inner6(struct xdp_md *ctx)
{
	const struct settings *set = settings_get();
	__u8 *frame = (void *)(long)ctx->data;
	__u32 random = bpf_get_prandom_u32();

	if (!set || frame + FRAME_BYTES > (__u8 *)(long)ctx->data_end)
		return XDP_ABORTED;
	source_begins();
	write_inner(frame, set, true, choose(random, set->vms), true, mix(random));
	return bpf_redirect(set->into, 0);
}

enum format {
	VXLAN,
	GENEVE,
	NVGRE
};

static __always_inline int source_mix(struct xdp_md *ctx, enum format format, bool outer6,
				      bool inner6)
{
	const struct settings *set = settings_get();
	__u8 *at = (void *)(long)ctx->data;
	__u32 random = bpf_get_prandom_u32(), ports = mix(random), vm, server;
	__u16 ip_bytes = FRAME_BYTES + (outer6 ? 40 : 20) + (format == NVGRE ? 0 : 8) + 8;
	__u8 protocol = format == NVGRE ? IPPROTO_GRE : IPPROTO_UDP;

	if (!set || at + sizeof(struct ethhdr) + ip_bytes > (__u8 *)(long)ctx->data_end)
		return XDP_ABORTED;
	source_begins();
	vm = choose(random, set->vms);
	server = vm & (set->servers - 1);
	at = write_ethernet(at, set, outer6 ? ETH_P_IPV6 : ETH_P_IP);
	if (outer6) {
		struct ipv6hdr *ip = write_ipv6(at, ip_bytes, protocol);
		struct address6 servers = {.words = SERVER6}, edge = {.words = EDGE6};

		write_address6(&ip->saddr, servers, server + 1);
		write_address6(&ip->daddr, edge, 1);
		at += sizeof(*ip);
	} else {
		at = write_ipv4(at, FIRST_SERVER + server, EDGE_ADDRESS, ip_bytes, protocol);
	}
	if (format != NVGRE) {
		*(struct udphdr *)at = (struct udphdr){
			.source = ports >> 16,
			.dest = bpf_htons(format == VXLAN ? 4789 : 6081),
			.len = bpf_htons(ip_bytes - (outer6 ? 40 : 20)),
		};
		at += sizeof(struct udphdr);
	}
	((__be32 *)at)[0] = bpf_htonl(format == VXLAN    ? 0x08000000
				      : format == GENEVE ? 0x00006558
							 : 0x20006558);
	((__be32 *)at)[1] = bpf_htonl(VNI << 8);
	write_inner(at + 8, set, inner6, vm, false, ports);
	return bpf_redirect(set->into, 0);
}

#define SOURCE(name, format, outer6, inner6)                                                       \
	SEC("xdp") int source_##name(struct xdp_md *ctx)                                           \
	{                                                                                          \
		return source_mix(ctx, format, outer6, inner6);                                    \
	}

/* Format, outer family, inner family. VXLAN over IPv4 with IPv4 inside is source_tunnel. */
SOURCE(vxlan46, VXLAN, false, true)
SOURCE(vxlan64, VXLAN, true, false)
SOURCE(vxlan66, VXLAN, true, true)
SOURCE(geneve44, GENEVE, false, false)
SOURCE(geneve46, GENEVE, false, true)
SOURCE(geneve64, GENEVE, true, false)
SOURCE(geneve66, GENEVE, true, true)
SOURCE(nvgre44, NVGRE, false, false)
SOURCE(nvgre46, NVGRE, false, true)
SOURCE(nvgre64, NVGRE, true, false)
SOURCE(nvgre66, NVGRE, true, true)

SEC("xdp.frags")
int bare_transmit(struct xdp_md *ctx)
{
	return XDP_TX;
}

SEC("xdp.frags")
int bare_redirect(struct xdp_md *ctx)
{
	return bpf_redirect_map(&way_out, 0, XDP_DROP);
}

/* What a lookup by tenant and destination adds to a bare redirect, and nothing else. */
static __always_inline bool destination_key(struct xdp_md *ctx, __u64 *key)
{
	const struct inner *frame = (void *)(long)ctx->data;
	struct vm4_slot slot = {
		.vni = {VNI >> 16, (VNI >> 8) & 0xff, VNI & 0xff},
		.flags = SLOT_USED,
	};

	if ((void *)(frame + 1) > (void *)(long)ctx->data_end)
		return false;
	slot.address = frame->ip.daddr;
	__builtin_memcpy(key, &slot, sizeof(*key));
	return true;
}

SEC("xdp.frags")
int lookup_buckets(struct xdp_md *ctx)
{
	__u64 key, value;

	if (!destination_key(ctx, &key) ||
	    !table_find(&buckets, vms4_buckets, &moves, 0, key, &value))
		return XDP_DROP;
	return bpf_redirect_map(&way_out, 0, XDP_DROP);
}

SEC("xdp.frags")
int lookup_hash(struct xdp_md *ctx)
{
	__u64 key;

	if (!destination_key(ctx, &key) || !bpf_map_lookup_elem(&hash, &key))
		return XDP_DROP;
	return bpf_redirect_map(&way_out, 0, XDP_DROP);
}

SEC("xdp.frags")
int sink(struct xdp_md *ctx)
{
	struct seen *counted = seen_get();

	if (counted) {
		counted->frames++;
		counted->bytes += ctx->data_end - ctx->data;
		if (!(counted->frames % SEEN_EVERY))
			counted->last = bpf_ktime_get_ns();
	}
	return XDP_DROP;
}

char program_license[] SEC("license") = "Dual BSD/GPL";
