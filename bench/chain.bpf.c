// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * chain.bpf.c - what a measured program stands between: a source of frames, the least that a program
 * can do, and a sink.
 *
 * The sources run as live frames (BPF_F_TEST_XDP_LIVE_FRAMES). A recycled frame comes back with its
 * pointers reset and its bytes as the last receiver left them, so every header is written each time.
 * One random number a frame chooses the VM, and with it the server and the ports.
 */
#include "bench/frames.h"

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

/* For sink_delay: how many frames took so long, in steps of DELAY_STEP_NS; the last one: or longer. */
#define DELAY_STEP_NS 16
#define DELAY_STEPS 8192

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DELAY_STEPS);
	__type(key, __u32);
	__type(value, __u64);
} delays SEC(".maps");

/* For sink_watch: when the first frame arrived for each last byte of an outer IPv4 destination. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u64);
} arrivals SEC(".maps");

/* Where the bare redirects go: element 0. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} way_out SEC(".maps");

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

/* The same for one VM alone, and each with the moment when it was made. */
#define STAMP_OFFSET 48 /* of 64 bytes */

SEC("xdp")
int source_stamped(struct xdp_md *ctx)
{
	const struct settings *set = settings_get();
	struct inner *frame = (void *)(long)ctx->data;
	__u64 *stamp = (void *)frame + STAMP_OFFSET;

	if (!set || (void *)(stamp + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	write_headers(frame, set, CUSTOMER, FIRST_VM + choose(bpf_get_prandom_u32(), set->vms),
		      IP_BYTES, bpf_htons(4242), bpf_htons(4242));
	*stamp = bpf_ktime_get_ns();
	return bpf_redirect(set->into, 0);
}

/* Frames of every other make: one program for each, so that none pays for what another needs. */

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

/* What the source stamped, and how long ago: headers were put in front of it. */
SEC("xdp.frags")
int sink_delay(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end, *data = (void *)(long)ctx->data;
	__u64 now = bpf_ktime_get_ns(), *count;
	__u32 at = end - data - FRAME_BYTES + STAMP_OFFSET, step;

	if (at > 256 || data + at + sizeof(now) > end)
		return XDP_DROP;
	step = (now - *(__u64 *)(data + at)) / DELAY_STEP_NS;
	if (step >= DELAY_STEPS)
		step = DELAY_STEPS - 1;
	count = bpf_map_lookup_elem(&delays, &step);
	if (count)
		++*count;
	return XDP_DROP;
}

SEC("xdp.frags")
int sink_watch(struct xdp_md *ctx)
{
	const struct outer *frame = (void *)(long)ctx->data;
	__u64 *arrival;
	__u32 last;

	if ((void *)(frame + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	last = bpf_ntohl(frame->headers.ip.daddr) & 0xff;
	arrival = bpf_map_lookup_elem(&arrivals, &last);
	if (arrival && !*arrival)
		*arrival = bpf_ktime_get_ns();
	return XDP_DROP;
}

char program_license[] SEC("license") = "Dual BSD/GPL";
