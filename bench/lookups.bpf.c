// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * lookups.bpf.c - what a lookup by tenant and destination adds to a bare redirect, and nothing else.
 *
 * The same VMs are in three tables: unum's buckets; pages of a /24 each, found by a bucket table of
 * pages, with a value and no key for each address; and the kernel's hash map. The host sets the sizes.
 */
#include "bench/frames.h"
#include "bpf/abi.h"
#include "bpf/table.h"

/* Where the bare redirects go: element 0. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} way_out SEC(".maps");

/* Keys that moved, in the table of that name. */
struct moves {
	__u64 buckets;
	__u64 directory;
};

/* The values of a /24. */
struct page {
	__u64 values[256];
};

#define MAPPED(name, element)                                                                      \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                  \
		__uint(max_entries, 1);                                                            \
		__uint(map_flags, BPF_F_MMAPABLE);                                                 \
		__type(key, __u32);                                                                \
		__type(value, element);                                                            \
	} name SEC(".maps")

MAPPED(buckets, struct vm4_bucket);
MAPPED(directory, struct vm4_bucket);
MAPPED(pages, struct page);
MAPPED(moves, struct moves);

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, __u64);
} hash SEC(".maps");

const volatile __u32 directory_buckets = 1;

/* The tenant and an address, as a key of struct vm4_slot. */
static __always_inline __u64 key_of(__be32 address)
{
	struct vm4_slot slot = {
		.vni = {VNI >> 16, (VNI >> 8) & 0xff, VNI & 0xff},
		.flags = SLOT_USED,
		.address = address,
	};
	__u64 key;

	__builtin_memcpy(&key, &slot, sizeof(key));
	return key;
}

/* The destination of the frame; 0: it is cut short. */
static __always_inline __be32 destination(struct xdp_md *ctx)
{
	const struct inner *frame = (void *)(long)ctx->data;

	return (void *)(frame + 1) > (void *)(long)ctx->data_end ? 0 : frame->ip.daddr;
}

SEC("xdp.frags")
int lookup_buckets(struct xdp_md *ctx)
{
	__be32 address = destination(ctx);
	__u64 value;

	if (!address || !table_find(&buckets, vms4_buckets, &moves, offsetof(struct moves, buckets),
				    key_of(address), &value))
		return XDP_DROP;
	return bpf_redirect_map(&way_out, 0, XDP_DROP);
}

SEC("xdp.frags")
int lookup_pages(struct xdp_md *ctx)
{
	__be32 address = destination(ctx);
	const struct page *page;
	__u64 number;
	__u32 index;

	if (!address ||
	    !table_find(&directory, directory_buckets, &moves, offsetof(struct moves, directory),
			key_of(address & bpf_htonl(0xffffff00)), &number))
		return XDP_DROP;
	index = number;
	page = bpf_map_lookup_elem(&pages, &index);
	if (!page || !page->values[bpf_ntohl(address) & 0xff])
		return XDP_DROP;
	return bpf_redirect_map(&way_out, 0, XDP_DROP);
}

SEC("xdp.frags")
int lookup_hash(struct xdp_md *ctx)
{
	__be32 address = destination(ctx);
	__u64 key = key_of(address);

	if (!address || !bpf_map_lookup_elem(&hash, &key))
		return XDP_DROP;
	return bpf_redirect_map(&way_out, 0, XDP_DROP);
}

/* Puts so many VMs into the hash map, from the one on that the frame's first four bytes say. */
#define FILL_VMS 65536

const volatile __u32 hash_vms = 0;

static long fill_step(__u32 step, void *context)
{
	__u32 vm = *(__u32 *)context + step;
	__u64 key = key_of(bpf_htonl(FIRST_VM + vm)), value = 1;

	return vm >= hash_vms || bpf_map_update_elem(&hash, &key, &value, BPF_ANY);
}

SEC("xdp")
int fill_hash(struct xdp_md *ctx)
{
	const __u32 *data = (void *)(long)ctx->data;
	__u32 first;

	if ((void *)(data + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	first = *data;
	bpf_loop(FILL_VMS, fill_step, &first, 0);
	return XDP_PASS;
}

char program_license[] SEC("license") = "Dual BSD/GPL";
