/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* cursor.h - a bounded position in the linear part of a frame. */
#ifndef UNUM_CURSOR_H
#define UNUM_CURSOR_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct cursor {
	void *at;
	void *end;
};

/* A cursor dies with the next bpf_xdp_adjust_head or _tail: make a new one after it. */
static __always_inline struct cursor cursor_at(struct xdp_md *ctx, __u32 offset)
{
	void *data = (void *)(long)ctx->data;

	/* Opaque, or the compiler moves the 32 bits that ctx has of it, which the verifier forbids. */
	asm volatile("" : "+r"(data));
	return (struct cursor){
		.at = data + offset,
		.end = (void *)(long)ctx->data_end,
	};
}

/* The next size bytes, or NULL where fewer are there. */
static __always_inline void *cursor_take(struct cursor *cursor, __u32 size)
{
	void *taken = cursor->at, *end = cursor->end;

	/* Opaque, or the compiler computes with the end of the frame, which the verifier forbids. */
	asm volatile("" : "+r"(end));
	if (taken + size > end)
		return NULL;
	/* Spares every caller a comparison of the pointer itself. */
	__builtin_assume(taken != NULL);
	cursor->at = taken + size;
	return taken;
}

#endif
