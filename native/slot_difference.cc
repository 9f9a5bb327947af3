// SPDX-License-Identifier: Apache-2.0
#include "slot_difference.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

#include "arguments.hpp"
#include "slot_items.hpp"

namespace unum
{

// Slots between asking for a place of the index and using it.
static constexpr size_t ahead = 16;

template <size_t key_words> class Difference
{
      public:
	using Table = BucketTable<key_words>;
	using Entry = typename Table::Entry;
	using Key = typename Table::Key;

	std::vector<uint32_t> puts, replaced, removed; // positions

	Difference(std::span<const Entry> desired, std::span<const Entry> observed)
	    : desired_(desired), observed_(observed)
	{
		find();
	}

      private:
	std::span<const Entry> desired_, observed_;
	// Position of a slot of observed and 1; 0 is a free place.
	std::vector<uint32_t> places_;

	void find()
	{
		size_t desired_count = desired_.size(), observed_count = observed_.size();
		if (observed_count > 0)
			fill_index();
		std::vector<bool> kept(observed_count);
		size_t soon[ahead];
		auto ask = [&](size_t n) {
			soon[n % ahead] = hash(desired_[n].key);
			__builtin_prefetch(&places_[soon[n % ahead]]);
		};
		for (size_t n = 0; observed_count > 0 && n < std::min(desired_count, ahead); n++)
			ask(n);
		for (size_t n = 0; n < desired_count; n++) {
			uint32_t found = 0;
			if (observed_count > 0) {
				size_t place = soon[n % ahead];
				if (n + ahead < desired_count)
					ask(n + ahead);
				found = places_[find_place(desired_[n].key, place)];
			}
			if (found == 0) {
				puts.push_back(static_cast<uint32_t>(n));
				continue;
			}
			kept[found - 1] = true;
			if (observed_[found - 1].value == desired_[n].value)
				continue;
			puts.push_back(static_cast<uint32_t>(n));
			replaced.push_back(found - 1);
		}
		// A reader may see a key in both of its places while a writer moves it: it is one key.
		for (size_t n = 0; n < observed_count; n++) {
			if (!kept[n] && places_[find_place(observed_[n].key)] == n + 1)
				removed.push_back(static_cast<uint32_t>(n));
		}
	}

	// Keys differ in few bits, and in any of them: each must reach the lowest ones.
	size_t hash(const Key &key) const
	{
		uint64_t hash = 0;
		for (uint64_t word : key.words) {
			for (uint64_t multiplier : {0x9e3779b97f4a7c15ull, 0xd6e8feb86659fd93ull}) {
				hash = (hash ^ word) * multiplier;
				hash ^= hash >> 32;
				word = 0;
			}
		}
		return hash & (places_.size() - 1);
	}

	// Where the key is, or where it would be.
	size_t find_place(const Key &key, size_t place) const
	{
		while (places_[place] && observed_[places_[place] - 1].key != key)
			place = (place + 1) & (places_.size() - 1);
		return place;
	}

	size_t find_place(const Key &key) const { return find_place(key, hash(key)); }

	void fill_index()
	{
		size_t observed_count = observed_.size();
		places_.resize(std::bit_ceil(2 * observed_count));
		size_t soon[ahead];
		auto ask = [&](size_t n) {
			soon[n % ahead] = hash(observed_[n].key);
			__builtin_prefetch(&places_[soon[n % ahead]], 1);
		};
		for (size_t n = 0; n < std::min(observed_count, ahead); n++)
			ask(n);
		for (size_t n = 0; n < observed_count; n++) {
			size_t place = soon[n % ahead];
			if (n + ahead < observed_count)
				ask(n + ahead);
			uint32_t &at = places_[find_place(observed_[n].key, place)];
			if (at == 0)
				at = static_cast<uint32_t>(n) + 1;
		}
	}
};

// The parts of some items, one after the other.
template <class Part, class Item>
static Napi::Uint8Array pick(Napi::Env env, const Item *items,
			     const std::vector<uint32_t> &positions)
{
	auto result = Napi::Uint8Array::New(env, positions.size() * sizeof(Part));
	uint8_t *to = result.Data();
	for (uint32_t position : positions) {
		std::memcpy(to, &items[position], sizeof(Part));
		to += sizeof(Part);
	}
	return result;
}

template <size_t key_words> static Napi::Value difference(const Napi::CallbackInfo &info)
{
	using Table = BucketTable<key_words>;
	using Entry = typename Table::Entry;
	using Key = typename Table::Key;
	Items<Entry> desired(info[0], "desired"), observed(info[1], "observed");
	for (size_t count : {desired.count, observed.count}) {
		if (count >= UINT32_MAX)
			throw bad_argument("slots of a difference",
					   "expected fewer than 2^32, got " +
						   std::to_string(count));
	}
	Difference<key_words> found({desired.data, desired.count}, {observed.data, observed.count});
	Napi::Env env = info.Env();
	Napi::Object result = Napi::Object::New(env);
	if (found.puts.size() == desired.count)
		result.Set("puts", info[0]);
	else
		result.Set("puts", pick<Entry>(env, desired.data, found.puts));
	result.Set("replaced", pick<Entry>(env, observed.data, found.replaced));
	result.Set("removed", pick<Entry>(env, observed.data, found.removed));
	static_assert(offsetof(Entry, key) == 0);
	result.Set("deletes", pick<Key>(env, observed.data, found.removed));
	return result;
}

Napi::Value slot_difference(const Napi::CallbackInfo &info)
{
	uint32_t key_words = u32_argument(info[2], "keyWords");
	if (key_words == 1)
		return difference<1>(info);
	if (key_words == 3)
		return difference<3>(info);
	throw bad_argument("argument keyWords",
			   "expected 1 or 3, got " + std::to_string(key_words));
}

} // namespace unum
