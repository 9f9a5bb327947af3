// SPDX-License-Identifier: Apache-2.0
// bucket_table_internal.hpp - what bucket_table.cc and bucket_table_plan.cc share: the inner loops.
#pragma once

#include <algorithm>

#include "bucket_table.hpp"

namespace unum
{

// Keys between asking for a cache line and using it.
static constexpr size_t ahead = 16;

// As table_hash() and table_find() in bpf/table.h.
inline BucketTable::Places BucketTable::places(uint64_t key) const
{
	uint64_t hash = (key ^ config_.seed) * 0x9e3779b97f4a7c15ull;
	hash ^= hash >> 32;
	hash *= 0xd6e8feb86659fd93ull;
	hash ^= hash >> 32;
	uint64_t count = config_.count;
	auto first = static_cast<uint32_t>(((hash & 0xffffffff) * count) >> 32);
	auto second = static_cast<uint32_t>(((hash >> 32) * count) >> 32);
	if (second == first)
		second = first + 1 == count ? 0 : first + 1;
	return {first, second};
}

inline uint32_t lowest(uint32_t bits)
{
	return static_cast<uint32_t>(__builtin_ctz(bits));
}

/*
 * What a bucket has for a key, as a bit for each slot. Without branches: how full a bucket is cannot
 * be predicted, and bulk changes spend their time here.
 */
inline BucketTable::Sight BucketTable::look(uint32_t bucket, uint64_t key) const
{
	const Bucket &at = config_.buckets[bucket];
	uint32_t live = 0, empty = 0, claims = 0;
	for (uint32_t i = 0; i < bucket_slots; i++) {
		live |= static_cast<uint32_t>(at.slots[i].key == key) << i;
		empty |= static_cast<uint32_t>(at.slots[i].key == 0) << i;
		claims |= static_cast<uint32_t>(at.slots[i].value == key) << i;
	}
	uint32_t resting = marks_[bucket] & 0xf, reserved = marks_[bucket] >> 4;
	return {.live = live, .promised = claims & reserved, .free = empty & ~(resting | reserved)};
}

inline uint64_t key_of(const Pair &put)
{
	return put.key;
}
inline uint64_t key_of(uint64_t deleted)
{
	return deleted;
}

/*
 * Calls visit(item, places of its key) for each item in order. Tables are larger than caches: the
 * lines that a key needs are asked for while earlier keys are worked on. (Sorting by place first, to
 * walk the page tables less, was measured and gained nothing.)
 */
template <class Item, class Visit>
void BucketTable::each_place(const Item *items, size_t count, Visit visit) const
{
	Places ring[ahead];
	auto ask = [&](size_t n) {
		Places at = places(key_of(items[n]));
		ring[n % ahead] = at;
		__builtin_prefetch(&config_.buckets[at.first], 1);
		__builtin_prefetch(&marks_[at.first], 1);
		__builtin_prefetch(&overflow_[at.first / 64]);
	};
	for (size_t n = 0; n < std::min(count, ahead); n++)
		ask(n);
	for (size_t n = 0; n < count; n++) {
		Places at = ring[n % ahead];
		if (n + ahead < count)
			ask(n + ahead);
		if (n + ahead / 2 < count) {
			Places soon = ring[(n + ahead / 2) % ahead];
			if (overflowed(soon.first))
				__builtin_prefetch(&config_.buckets[soon.second], 1);
		}
		visit(items[n], at);
	}
}

} // namespace unum
