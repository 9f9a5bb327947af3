// SPDX-License-Identifier: Apache-2.0
// bucket_table_plan.cc - places for new keys, found before anything is published.
#include "bucket_table_internal.hpp"
#include "error.hpp"

namespace unum
{

// Buckets that one search for room looks at, at most. Tables that are 97 % full need hundreds.
static constexpr size_t search_limit = 4096;
// Grace periods that one change waits for, at most: what needs more has no room in practice.
static constexpr int rounds_limit = 64;
// Searches without success after which a round is over, if slots rest that the next one can use.
static constexpr int hopeless_limit = 64;

template <size_t key_words> struct BucketTable<key_words>::Step {
	uint32_t bucket;
	int32_t parent; // step whose bucket's key would come here; -1: a place of the new key
	uint32_t index; // slot of that key in the parent's bucket
};

// A search for room: its steps, and the buckets it has met. Made once, emptied by counting up.
template <size_t key_words> struct BucketTable<key_words>::Search {
	std::vector<Step> steps;

	void begin()
	{
		steps.clear();
		number_++;
	}

	// True the first time.
	bool visit(uint32_t bucket)
	{
		size_t at = (bucket * 0x9e3779b1u) >> (32 - cell_bits);
		for (;; at = (at + 1) % cells_.size()) {
			if (cells_[at].number != number_) {
				cells_[at] = {number_, bucket};
				return true;
			}
			if (cells_[at].bucket == bucket)
				return false;
		}
	}

      private:
	static constexpr int cell_bits = 14; // four times as many cells as a search has steps
	static_assert(search_limit * 4 <= 1 << cell_bits);
	struct Cell {
		uint64_t number = 0;
		uint32_t bucket = 0;
	};
	std::vector<Cell> cells_ = std::vector<Cell>(1 << cell_bits);
	uint64_t number_ = 0;
};

template <size_t key_words>
uint32_t BucketTable<key_words>::other_place(const Key &key, uint32_t bucket) const
{
	Places at = places(key);
	return bucket == at.first ? at.second : at.first;
}

// Promises a free slot to a new key.
template <size_t key_words>
void BucketTable<key_words>::take(const Key &key, Slot slot, uint32_t first)
{
	write_further_words(slot, key);
	store_word(value_word(slot), key.words[0]);
	marks_[slot.bucket] |= static_cast<uint8_t>(0x10 << slot.index);
	reserved_++;
	if (slot.bucket != first)
		overflow_[first / 64] |= 1ull << (first % 64);
}

template <size_t key_words> auto BucketTable<key_words>::reserve(const Key &key, Places at) -> Room
{
	Sight first = look(at.first, key);
	if (first.live | first.promised)
		return Room::known;
	Sight second = {};
	bool both = overflowed(at.first) || !first.free;
	if (both) {
		second = look(at.second, key);
		if (second.live | second.promised)
			return Room::known;
	}
	if (!settled_) { // what is free may have been freed by somebody else just now
		collect();
		return reserve(key, at);
	}
	if (first.free) {
		take(key, {at.first, lowest(first.free)}, at.first);
		return Room::placed;
	}
	if (second.free) {
		take(key, {at.second, lowest(second.free)}, at.first);
		return Room::placed;
	}
	return make_room(key, at);
}

/*
 * Looks, breadth first, for the shortest chain of keys that can each move to their other place, the
 * last of them into a free slot, and moves them from that end. The slot of a key that packets see
 * rests when it has moved: the chain goes on after a grace period.
 */
template <size_t key_words>
auto BucketTable<key_words>::make_room(const Key &key, Places at) -> Room
{
	if (!search_)
		search_ = std::make_shared<Search>();
	std::vector<Step> &steps = search_->steps;
	search_->begin();
	for (uint32_t bucket : {at.first, at.second}) {
		if (search_->visit(bucket))
			steps.push_back({bucket, -1, 0});
	}
	for (size_t head = 0; head < steps.size(); head++) {
		uint32_t bucket = steps[head].bucket;
		if (uint32_t free = look(bucket, {}).free) {
			Slot to{bucket, lowest(free)};
			for (int32_t i = static_cast<int32_t>(head); steps[i].parent >= 0;
			     i = steps[i].parent) {
				Slot from{steps[steps[i].parent].bucket, steps[i].index};
				if (!move(from, to))
					return Room::later;
				to = from;
			}
			take(key, to, at.first);
			return Room::placed;
		}
		for (Slot slot{bucket, 0}; slot.index < bucket_slots; slot.index++) {
			bool seen = *first_word(slot);
			if (seen ? !config_.moves : !is_reserved(slot))
				continue;
			if (steps.size() >= search_limit)
				continue;
			uint32_t other =
				other_place(seen ? entry(slot).key : promised_key(slot), bucket);
			if (!search_->visit(other))
				continue;
			__builtin_prefetch(&config_.buckets[other], 1);
			__builtin_prefetch(&marks_[other], 1);
			steps.push_back({other, static_cast<int32_t>(head), slot.index});
		}
	}
	return Room::none;
}

/*
 * Moves a key to its other place. True if its old slot is free at once.
 *
 * A packet that misses the key has looked at the new slot before the copy was there, and at the old
 * one after it was cleared. The order of these three stores makes the second sight imply that the
 * new count is visible, and the first that it was not: each is a release store, so no processor
 * shows a later one before an earlier one.
 */
template <size_t key_words> bool BucketTable<key_words>::move(Slot from, Slot to)
{
	if (!*first_word(from)) { // promised only: nobody sees it
		Key key = promised_key(from);
		marks_[from.bucket] &= static_cast<uint8_t>(~(0x10 << from.index));
		reserved_--;
		take(key, to, places(key).first);
		return true;
	}
	const Key &key = entry(from).key;
	uint32_t first = places(key).first;
	if (to.bucket != first)
		overflow_[first / 64] |= 1ull << (first % 64);
	write_further_words(to, key);
	store_word(value_word(to), *value_word(from));
	store_word(first_word(to), key.words[0]);
	store_word(config_.moves, *config_.moves + 1);
	store_word(first_word(from), 0);
	rest(from);
	return false;
}

template <size_t key_words> void BucketTable<key_words>::release_reservations()
{
	if (reserved_ > 0) {
		for (uint8_t &marks : marks_)
			marks &= 0x0f;
	}
	reserved_ = 0;
}

template <size_t key_words>
void BucketTable<key_words>::reserve_all(const Entry *puts, size_t count)
{
	std::vector<Key> waiting;
	int hopeless = 0;
	auto attempt = [&](const Key &key, Places at) {
		Room room = hopeless < hopeless_limit ? reserve(key, at) : Room::later;
		if (room == Room::none) {
			if (resting_ == 0)
				refuse(puts, count);
			hopeless++;
		}
		if (room == Room::none || room == Room::later)
			waiting.push_back(key);
	};
	each_place(puts, count, [&](const Entry &put, Places at) { attempt(put.key, at); });
	for (int round = 0; !waiting.empty(); round++) {
		if (round == rounds_limit)
			refuse(puts, count);
		collect();
		hopeless = 0;
		std::vector<Key> again;
		again.swap(waiting);
		for (const Key &key : again)
			attempt(key, places(key));
	}
}

// The new keys among puts, each once.
template <size_t key_words>
uint64_t BucketTable<key_words>::count_new(const Entry *puts, size_t count) const
{
	std::vector<Key> keys;
	each_place(puts, count, [&](const Entry &put, Places at) {
		Slot slot;
		if (!find_live(put.key, at, slot))
			keys.push_back(put.key);
	});
	std::sort(keys.begin(), keys.end());
	return static_cast<uint64_t>(std::unique(keys.begin(), keys.end()) - keys.begin());
}

template <size_t key_words>
void BucketTable<key_words>::refuse(const Entry *puts, size_t count) const
{
	uint64_t wanted = count_new(puts, count);
	std::string reason = std::to_string(size_) + " of " + std::to_string(capacity()) +
			     " slots are used, and " + std::to_string(wanted) +
			     " more keys were to be added";
	if (size_ + wanted <= capacity())
		reason += "; that many slots are empty, but not where these keys may be";
	throw Failure{.code = "TABLE_FULL",
		      .operation = "change",
		      .subject = "table " + config_.name,
		      .reason = reason};
}

// What bucket_table.cc calls. Both files instantiate members, not twice the class.
#define INSTANTIATE(key_words)                                                                     \
	template void BucketTable<key_words>::reserve_all(const Entry *, size_t);                  \
	template void BucketTable<key_words>::release_reservations();                              \
	template uint64_t BucketTable<key_words>::count_new(const Entry *, size_t) const;          \
	template void BucketTable<key_words>::refuse(const Entry *, size_t) const;
INSTANTIATE(1)
INSTANTIATE(3)
#undef INSTANTIATE

} // namespace unum
