// SPDX-License-Identifier: Apache-2.0
// bucket_table_internal.hpp - what bucket_table.cc and bucket_table_plan.cc share: the inner loops.
#pragma once

#include <algorithm>

#include "bucket_table.hpp"
#include "mapping.hpp"

namespace unum
{

// Keys between asking for a cache line and using it.
static constexpr size_t ahead = 16;

// As table_hash() and table_find_words() in bpf/table.h.
template <size_t key_words>
inline auto BucketTable<key_words>::places(const Key &key) const -> Places
{
	constexpr uint64_t multipliers[] = {0x9e3779b97f4a7c15ull, 0xd6e8feb86659fd93ull};
	uint64_t hash = key.words[0] ^ config_.seed;
	for (size_t i = 1; i < key_words; i++) {
		uint64_t hidden = key.words[i] ^ config_.seed * multipliers[i - 1];
		hash += (hidden & 0xffffffff) * (hidden >> 32);
	}
	for (uint64_t multiplier : multipliers) {
		hash *= multiplier;
		hash ^= hash >> 32;
	}
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
template <size_t key_words>
inline auto BucketTable<key_words>::look(uint32_t bucket, const Key &key) const -> Sight
{
	const Bucket &at = config_.buckets[bucket];
	uint32_t live = 0, empty = 0, claims = 0;
	for (uint32_t i = 0; i < bucket_slots; i++) {
		const Entry &slot = at.slots[i];
		uint64_t differ = 0; // in further words
		for (size_t word = 1; word < key_words; word++)
			differ |= slot.key.words[word] ^ key.words[word];
		uint64_t first = slot.key.words[0];
		live |= static_cast<uint32_t>(((first ^ key.words[0]) | differ) == 0) << i;
		empty |= static_cast<uint32_t>(first == 0) << i;
		claims |= static_cast<uint32_t>(((slot.value ^ key.words[0]) | differ) == 0) << i;
	}
	uint32_t resting = marks_[bucket] & 0xf, reserved = marks_[bucket] >> 4;
	return {.live = live, .promised = claims & reserved, .free = empty & ~(resting | reserved)};
}

// Of a slot that is not published: take() has left it there.
template <size_t key_words> inline auto BucketTable<key_words>::promised_key(Slot slot) const -> Key
{
	Key key = entry(slot).key;
	key.words[0] = entry(slot).value;
	return key;
}

// Into a slot that no packet reads.
template <size_t key_words>
inline void BucketTable<key_words>::write_further_words(Slot slot, const Key &key)
{
	for (size_t i = 1; i < key_words; i++)
		store_word(&entry(slot).key.words[i], key.words[i]);
}

/*
 * Calls visit(item, places of its key) for each item in order. Tables are larger than caches: the
 * lines that a key needs are asked for while earlier keys are worked on. (Sorting by place first, to
 * walk the page tables less, was measured and gained nothing.)
 */
template <size_t key_words>
template <class Item, class Visit>
void BucketTable<key_words>::each_place(const Item *items, size_t count, Visit visit) const
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
