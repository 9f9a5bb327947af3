// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Readers of a bucket table, for native-table.test.ts: one that answers for a key in a frame, and two
 * that look keys up in a loop and count what must never happen. One of those is bpf/table.h as it
 * is; the other keeps to the same rules, but dawdles where a writer could hurt it most. All for keys
 * of one word or of three, as key_words says.
 */
#include <stdbool.h>
#include <stddef.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "bpf/table.h"

const volatile __u32 key_words = 1;
const volatile __u32 buckets = 1;
const volatile __u64 stable_keys = 1; /* keys number 1 to this are always in the table */
const volatile __u32 dawdle = 40;     /* turns of an idle loop */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64[BUCKET_BYTES / 8]);
} table SEC(".maps");

struct moves {
	__u64 unrelated;
	__u64 table;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct moves);
} moves SEC(".maps");

struct result {
	__u64 lookups;
	__u64 misses;
	__u64 wrong; /* values that belong to another key */
	__u64 again; /* lookups that had to look twice */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct result);
} results SEC(".maps");

enum {
	RESULT_TABLE_H,
	RESULT_SLOW
};

/* A frame's key and answer follow its Ethernet header. Of the key, key_words words count. */
struct question {
	__u8 ethernet[14];
	__u8 key[24];
	__u8 value[8];
	__u8 found;
} __attribute__((packed));

static __always_inline const struct moves *get_moves(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&moves, &zero);
}

static __always_inline bool find(const struct key3 *key, __u64 *value)
{
	const __u32 at = offsetof(struct moves, table);

	return key_words == 3 ? table_find3(&table, buckets, &moves, at, key, value)
			      : table_find(&table, buckets, &moves, at, key->words[0], value);
}

SEC("xdp")
int answer(struct xdp_md *xdp)
{
	struct question *question = (void *)(long)xdp->data;
	struct key3 key;
	__u64 value = 0;

	if ((void *)(question + 1) > (void *)(long)xdp->data_end)
		return XDP_ABORTED;
	__builtin_memcpy(&key, question->key, sizeof(key));
	question->found = find(&key, &value);
	__builtin_memcpy(question->value, &value, sizeof(value));
	return XDP_PASS;
}

static __always_inline void idle(void)
{
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < dawdle; i++)
		asm volatile("" ::: "memory");
}

static __always_inline bool slow_bucket_find(__u32 index, const struct key3 *key, __u64 *value)
{
	const volatile __u64 *words = bpf_map_lookup_elem(&table, &index);

	if (!words)
		return false;
	for (int i = 0; i < BUCKET_BYTES / 8; i += key_words == 3 ? 4 : 2) {
		if (words[i] != key->words[0])
			continue;
		idle();
		if (key_words == 3) {
			if (words[i + 1] != key->words[1] || words[i + 2] != key->words[2])
				continue;
			idle();
		}
		*value = words[i + key_words];
		return true;
	}
	return false;
}

/* 1: found, 2: found when looking again, 0: missed. */
static __always_inline int slow_find(const struct moves *counts, const struct key3 *key,
				     __u64 *value)
{
	__u64 hash = table_hash(key->words, key_words == 3 ? 3 : 1);
	__u32 first = ((hash & 0xffffffff) * buckets) >> 32;
	__u32 second = ((hash >> 32) * buckets) >> 32;

	if (second == first)
		second = first + 1 == buckets ? 0 : first + 1;
	for (int i = 0; i < TABLE_LOOKUP_TRIES; i++) {
		__u64 before = *(volatile __u64 *)&counts->table;

		if (slow_bucket_find(first, key, value))
			return 1 + !!i;
		idle();
		idle();
		idle();
		if (slow_bucket_find(second, key, value))
			return 1 + !!i;
		if (*(volatile __u64 *)&counts->table == before)
			return 0;
	}
	return 0;
}

struct walk {
	__u64 at;
	struct result result;
	bool slow;
};

/*
 * A value's high half repeats the low half of its key's last word; the low half changes with every
 * replacement. Keys of three words share the first one, so that the others tell them apart.
 */
static long step(__u32 index, struct walk *walk)
{
	__u64 number = (walk->at + index) % stable_keys + 1, value = 0;
	struct key3 key = {.words = {number}};
	const struct moves *counts = get_moves();
	int found;

	if (!counts)
		return 1;
	if (key_words == 3)
		key = (struct key3){.words = {1, number & 1, number}};
	found = walk->slow ? slow_find(counts, &key, &value) : find(&key, &value);
	walk->result.lookups++;
	if (!found)
		walk->result.misses++;
	else if (value >> 32 != (number & 0xffffffff))
		walk->result.wrong++;
	if (found == 2)
		walk->result.again++;
	return 0;
}

static __always_inline int probe(__u32 which)
{
	struct walk walk = {.at = bpf_get_prandom_u32(), .slow = which == RESULT_SLOW};
	struct result *result = bpf_map_lookup_elem(&results, &which);

	if (!result)
		return XDP_ABORTED;
	bpf_loop(8192, step, &walk, 0);
	result->lookups += walk.result.lookups;
	result->misses += walk.result.misses;
	result->wrong += walk.result.wrong;
	result->again += walk.result.again;
	return XDP_PASS;
}

SEC("xdp")
int probe_table_h(struct xdp_md *xdp __attribute__((unused)))
{
	return probe(RESULT_TABLE_H);
}

SEC("xdp")
int probe_slow(struct xdp_md *xdp __attribute__((unused)))
{
	return probe(RESULT_SLOW);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
