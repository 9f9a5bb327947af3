// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * packet-poison.bpf.c - make the room in front of a frame hostile, then run the program under test.
 *
 *   poisoned_*   every byte of the headroom that the program may take is 0xff: a header byte that
 *                it forgets to write shows in the frame
 *   cramped_*    there is next to no headroom, as some drivers have it; the frame is CRAMPED_FRAME
 *                bytes long
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define POISON_BYTES 192
#define CRAMPED_FRAME 98
/* The kernel keeps 40 of XDP_PACKET_HEADROOM's 256 bytes for itself: 16 are left. */
#define CRAMPED_SHIFT 200

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 3);
	__type(key, __u32);
	__type(value, __u32);
} programs SEC(".maps");

static __always_inline int poisoned(struct xdp_md *ctx, __u32 program)
{
	__u8 *data, *end;

	if (bpf_xdp_adjust_head(ctx, -POISON_BYTES))
		return XDP_ABORTED;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if (data + POISON_BYTES > end)
		return XDP_ABORTED;
	__builtin_memset(data, 0xff, POISON_BYTES);
	if (bpf_xdp_adjust_head(ctx, POISON_BYTES))
		return XDP_ABORTED;
	bpf_tail_call(ctx, &programs, program);
	return XDP_ABORTED;
}

static __always_inline int cramped(struct xdp_md *ctx, __u32 program)
{
	__u8 frame[CRAMPED_FRAME];

	if (bpf_xdp_load_bytes(ctx, 0, frame, sizeof(frame)) ||
	    bpf_xdp_adjust_head(ctx, -CRAMPED_SHIFT) ||
	    bpf_xdp_store_bytes(ctx, 0, frame, sizeof(frame)) ||
	    bpf_xdp_adjust_tail(ctx, -CRAMPED_SHIFT))
		return XDP_ABORTED;
	bpf_tail_call(ctx, &programs, program);
	return XDP_ABORTED;
}

#define DEFINE(role, index)                                                                        \
	SEC("xdp.frags") int poisoned_##role(struct xdp_md *ctx)                                   \
	{                                                                                          \
		return poisoned(ctx, index);                                                       \
	}                                                                                          \
	SEC("xdp.frags") int cramped_##role(struct xdp_md *ctx)                                    \
	{                                                                                          \
		return cramped(ctx, index);                                                        \
	}

DEFINE(access, 0)
DEFINE(underlay, 1)
DEFINE(both, 2)

char program_license[] SEC("license") = "Dual BSD/GPL";
