/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * table.h - look a key up in a bucket table.
 *
 * A table is an array of 64-byte buckets with four slots, each a key word and a value word. A key
 * lives in one of two buckets (cuckoo hashing); the writer is in native/bucket_table.cc and must
 * compute the same places. It publishes a slot by storing the value first and the key after it; it
 * moves a key by copying it first, then counting the move, then clearing the old slot.
 *
 * Two orders matter, on weakly ordered processors too:
 *  - the value is loaded after the key that vouches for it;
 *  - a key that moves from its second bucket to its first can be passed in flight, so a miss is
 *    final only when the count of moves, read before and after, stood still.
 * BPF (-mcpu=v3) has no barriers, but every processor keeps the order of a load and a second one
 * whose address depends on the first; after() makes such a dependency.
 */
#ifndef UNUM_TABLE_H
#define UNUM_TABLE_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "config.h"

#define BUCKET_SLOTS 4
#define TABLE_LOOKUP_TRIES 4

struct slot {
	__u64 key;
	__u64 value;
};

struct bucket {
	struct slot slots[BUCKET_SLOTS];
};

/* Zero, but only once value has been loaded. */
static __always_inline __u64 after(__u64 value)
{
	asm volatile("%0 &= 0" : "+r"(value));
	return value;
}

static __always_inline __u64 table_hash(__u64 key)
{
	__u64 hash = (key ^ table_seed) * 0x9e3779b97f4a7c15ULL;

	hash ^= hash >> 32;
	hash *= 0xd6e8feb86659fd93ULL;
	return hash ^ (hash >> 32);
}

static __always_inline bool bucket_find(const struct bucket *bucket, __u64 key, __u64 *value,
					__u64 *seen)
{
#pragma unroll
	for (int i = 0; i < BUCKET_SLOTS; i++) {
		__u64 found = *(volatile __u64 *)&bucket->slots[i].key;
		/* Made before the comparison: from there on the compiler takes key for found. */
		const void *slot = (const void *)&bucket->slots[i] + after(found);

		if (found == key) {
			*value = *(volatile __u64 *)(slot + offsetof(struct slot, value));
			return true;
		}
		*seen |= found;
	}
	return false;
}

/* The whole search, in both buckets, until no key has moved meanwhile. */
static __always_inline bool table_search(void *table, const __u64 *moves, __u32 first, __u32 second,
					 __u64 key, __u64 *value)
{
#pragma clang loop unroll(disable)
	for (int i = 0; i < TABLE_LOOKUP_TRIES; i++) {
		__u64 before = *(volatile __u64 *)moves;
		__u64 seen = 0;
		__u32 index = first + after(before);
		const struct bucket *bucket = bpf_map_lookup_elem(table, &index);

		if (bucket && bucket_find(bucket, key, value, &seen))
			return true;
		index = second + after(before);
		bucket = bpf_map_lookup_elem(table, &index);
		if (bucket && bucket_find(bucket, key, value, &seen))
			return true;
		if (*(volatile __u64 *)((const void *)moves + after(seen)) == before)
			return false;
	}
	return false;
}

/*
 * Finds key in the table of that many buckets; moves counts the moves of this table. True with
 * *value set when it is there. Nearly every key is in its first bucket, and where it is found no
 * count matters.
 */
static __always_inline bool table_find(void *table, __u32 buckets, const __u64 *moves, __u64 key,
				       __u64 *value)
{
	__u64 hash = table_hash(key), seen = 0;
	__u32 first = ((hash & 0xffffffff) * buckets) >> 32, second, index = first;
	const struct bucket *bucket;

	/* Empty slots have this key, and a freed one still its value. */
	if (!key)
		return false;
	bucket = bpf_map_lookup_elem(table, &index);
	if (bucket && bucket_find(bucket, key, value, &seen))
		return true;
	second = ((hash >> 32) * buckets) >> 32;
	if (second == first)
		second = first + 1 == buckets ? 0 : first + 1;
	return table_search(table, moves, first, second, key, value);
}

#endif
