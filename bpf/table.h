/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * table.h - look a key up in a bucket table.
 *
 * A table is an array of 64-byte buckets with four slots, each a key word and a value word, or with
 * two, each three key words and a value word. A key lives in one of two buckets (cuckoo hashing);
 * the writer is in native/bucket_table.cc and must compute the same places. It publishes a slot by
 * storing the first key word after all others; it moves a key by copying it first, then counting
 * the move, then clearing the old slot. While the first key word of a slot is not zero, and for a
 * grace period after, the further ones do not change.
 *
 * Two orders matter, on weakly ordered processors too:
 *  - value and further key words are loaded after the first key word, which vouches for them;
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

#define BUCKET_BYTES 64
#define TABLE_LOOKUP_TRIES 4

struct slot {
	__u64 key;
	__u64 value;
};

#define BUCKET_SLOTS (BUCKET_BYTES / sizeof(struct slot))

struct bucket {
	struct slot slots[BUCKET_SLOTS];
};

/* The first word of a key is not zero. */
struct key3 {
	__u64 words[3];
};

struct slot3 {
	struct key3 key;
	__u64 value;
};

#define BUCKET3_SLOTS (BUCKET_BYTES / sizeof(struct slot3))

struct bucket3 {
	struct slot3 slots[BUCKET3_SLOTS];
};

/* Zero, but only once value has been loaded. */
static __always_inline __u64 after(__u64 value)
{
	asm volatile("%0 &= 0" : "+r"(value));
	return value;
}

/*
 * Below, key_words is 1 or 3, and constant where it is used.
 *
 * Nobody outside may find keys that share their places. So no two differences between words may be
 * known to cancel each other out, as they can where words are only added, or multiplied by what is
 * no secret: the two halves of a further word, hidden by the seed, are multiplied by one another.
 */
static __always_inline __u64 table_hash(const __u64 *key, int key_words)
{
	const __u64 multipliers[] = {0x9e3779b97f4a7c15ULL, 0xd6e8feb86659fd93ULL};
	const __u64 seed = table_seed;
	__u64 hash = key[0] ^ seed;

#pragma unroll
	for (int i = 1; i < key_words; i++) {
		__u64 hidden = key[i] ^ seed * multipliers[i - 1];

		hash += (hidden & 0xffffffff) * (hidden >> 32);
	}
#pragma unroll
	for (int i = 0; i < 2; i++) {
		hash *= multipliers[i];
		hash ^= hash >> 32;
	}
	return hash;
}

static __always_inline bool bucket_find(const void *bucket, const __u64 *key, int key_words,
					__u64 *value, __u64 *seen)
{
	const __u64 *words = bucket;

#pragma unroll
	for (int i = 0; i < BUCKET_BYTES / 8; i += key_words + 1) {
		__u64 found = *(volatile __u64 *)&words[i], differ = 0;
		/* Made before the comparison: from there on the compiler takes key for found. */
		const void *slot = (const void *)&words[i] + after(found);

		if (found == key[0]) {
#pragma unroll
			for (int word = 1; word < key_words; word++)
				differ |= ((volatile __u64 *)slot)[word] ^ key[word];
			if (!differ) {
				*value = ((volatile __u64 *)slot)[key_words];
				return true;
			}
			/* Loaded after found: what waits for these words waits for it, too. */
			found = differ;
		}
		*seen |= found;
	}
	return false;
}

/* The whole search, in both buckets, until no key has moved meanwhile. */
static __always_inline bool table_search(void *table, void *counts, __u32 at, __u32 first,
					 __u32 second, const __u64 *key, int key_words,
					 __u64 *value)
{
	__u32 zero = 0;
	const __u64 *moves = bpf_map_lookup_elem(counts, &zero);

	if (!moves)
		return false;
	moves = (const void *)moves + at;
#pragma clang loop unroll(disable)
	for (int i = 0; i < TABLE_LOOKUP_TRIES; i++) {
		__u64 before = *(volatile __u64 *)moves;
		__u64 seen = 0;
		__u32 index = first + after(before);
		const void *bucket = bpf_map_lookup_elem(table, &index);

		if (bucket && bucket_find(bucket, key, key_words, value, &seen))
			return true;
		index = second + after(before);
		bucket = bpf_map_lookup_elem(table, &index);
		if (bucket && bucket_find(bucket, key, key_words, value, &seen))
			return true;
		if (*(volatile __u64 *)((const void *)moves + after(seen)) == before)
			return false;
	}
	return false;
}

static __always_inline bool table_find_words(void *table, __u32 buckets, void *counts, __u32 at,
					     const __u64 *key, int key_words, __u64 *value)
{
	__u64 hash = table_hash(key, key_words), seen = 0;
	__u32 first = ((hash & 0xffffffff) * buckets) >> 32, second, index = first;
	const void *bucket;

	/* Empty slots have this first word, and a freed one still its others. */
	if (!key[0])
		return false;
	bucket = bpf_map_lookup_elem(table, &index);
	if (bucket && bucket_find(bucket, key, key_words, value, &seen))
		return true;
	second = ((hash >> 32) * buckets) >> 32;
	if (second == first)
		second = first + 1 == buckets ? 0 : first + 1;
	return table_search(table, counts, at, first, second, key, key_words, value);
}

/*
 * Finds key in the table of that many buckets; the moves of this table are counted at bytes into the
 * one element of the map counts. True with *value set when it is there. Nearly every key is in its first
 * bucket, and where it is found no count matters: none is looked up before.
 */
static __always_inline bool table_find(void *table, __u32 buckets, void *counts, __u32 at,
				       __u64 key, __u64 *value)
{
	return table_find_words(table, buckets, counts, at, &key, 1, value);
}

/* The same in a table of struct bucket3. */
static __always_inline bool table_find3(void *table, __u32 buckets, void *counts, __u32 at,
					const struct key3 *key, __u64 *value)
{
	return table_find_words(table, buckets, counts, at, key->words, 3, value);
}

#endif
