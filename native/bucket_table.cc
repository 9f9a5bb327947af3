// SPDX-License-Identifier: Apache-2.0
#include "bucket_table.hpp"

#include <algorithm>

#include "error.hpp"
#include "grace.hpp"
#include "mapping.hpp"

namespace unum
{

// Buckets that one search for room looks at, at most. Tables that are 97 % full need hundreds.
static constexpr size_t search_limit = 4096;
// Grace periods that one change waits for, at most: what needs more has no room in practice.
static constexpr int rounds_limit = 64;
// Searches without success after which a round is over, if slots rest that the next one can use.
static constexpr int hopeless_limit = 64;
// Keys between asking for a cache line and using it.
static constexpr size_t ahead = 16;

struct BucketTable::Step {
	uint32_t bucket;
	int32_t parent; // step whose bucket's key would come here; -1: a place of the new key
	uint32_t index; // slot of that key in the parent's bucket
};

// A search for room: its steps, and the buckets it has met. Made once, emptied by counting up.
struct BucketTable::Search {
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

BucketTable::BucketTable(Config config)
    : config_(std::move(config)), marks_(config_.count), overflow_((config_.count + 63) / 64),
      search_(std::make_shared<Search>())
{
	scan();
	// Somebody before us may have freed any of the empty slots just now.
	freed_at_ = grace_moment();
}

// ---- places ----------------------------------------------------------------------------------

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

uint32_t BucketTable::other_place(uint64_t key, uint32_t bucket) const
{
	Places at = places(key);
	return bucket == at.first ? at.second : at.first;
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

static uint64_t key_of(const Pair &put)
{
	return put.key;
}
static uint64_t key_of(uint64_t deleted)
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

// ---- open ------------------------------------------------------------------------------------

void BucketTable::scan()
{
	uint64_t misplaced = 0;
	for (uint32_t bucket = 0; bucket < config_.count; bucket++) {
		for (uint32_t index = 0; index < bucket_slots; index++) {
			Slot slot{bucket, index}, twin;
			uint64_t key = load_word(key_word(slot));
			if (!key)
				continue;
			Places at = places(key);
			if (bucket != at.first && bucket != at.second) {
				misplaced++;
				continue;
			}
			// A writer was killed between copying and removing. Packets look at the first
			// place first, and at slots in order: the copy that they find stays.
			bool copy = false;
			for (twin = {at.first, 0}; twin.index < bucket_slots; twin.index++) {
				if (twin.bucket == bucket && twin.index >= index)
					break;
				copy = copy || load_word(key_word(twin)) == key;
			}
			for (twin = {bucket, 0}; twin.index < index; twin.index++)
				copy = copy || load_word(key_word(twin)) == key;
			if (copy) {
				store_word(key_word(slot), 0);
				repaired_++;
				continue;
			}
			if (bucket != at.first)
				overflow_[at.first / 64] |= 1ull << (at.first % 64);
			size_++;
		}
	}
	if (misplaced)
		throw Failure{.code = "STATE_CORRUPT",
			      .operation = "open",
			      .subject = "table " + config_.name,
			      .reason = std::to_string(misplaced) +
					" keys are not where this seed and size put them"};
}

// ---- read ------------------------------------------------------------------------------------

static uint32_t lowest(uint32_t bits)
{
	return static_cast<uint32_t>(__builtin_ctz(bits));
}

bool BucketTable::find_live(uint64_t key, Places at, Slot &found) const
{
	uint32_t live = look(at.first, key).live;
	if (live) {
		found = {at.first, lowest(live)};
		return true;
	}
	if (!overflowed(at.first))
		return false;
	live = look(at.second, key).live;
	if (!live)
		return false;
	found = {at.second, lowest(live)};
	return true;
}

std::optional<uint64_t> BucketTable::get(uint64_t key) const
{
	Slot slot;
	if (key == 0 || !find_live(key, places(key), slot))
		return std::nullopt;
	return *value_word(slot);
}

void BucketTable::each(const std::function<void(uint64_t, uint64_t)> &visit) const
{
	for (uint32_t bucket = 0; bucket < config_.count; bucket++) {
		for (uint32_t index = 0; index < bucket_slots; index++) {
			Slot slot{bucket, index};
			if (*key_word(slot))
				visit(*key_word(slot), *value_word(slot));
		}
	}
}

// ---- resting slots ---------------------------------------------------------------------------

void BucketTable::rest(Slot slot)
{
	marks_[slot.bucket] |= static_cast<uint8_t>(1 << slot.index);
	resting_++;
	freed_at_ = grace_moment();
}

// Another table may have waited meanwhile: one grace period serves all.
void BucketTable::settle()
{
	if ((settled_ && resting_ == 0) || !grace_passed(freed_at_))
		return;
	if (resting_ > 0) {
		for (uint8_t &marks : marks_)
			marks &= 0xf0;
	}
	resting_ = 0;
	settled_ = true;
}

void BucketTable::collect()
{
	if (settled_ && resting_ == 0)
		return;
	if (!grace_passed(freed_at_))
		grace_period();
	settle();
}

// ---- plan ------------------------------------------------------------------------------------

// Promises a free slot to a new key.
void BucketTable::take(uint64_t key, Slot slot, uint32_t first)
{
	store_word(value_word(slot), key);
	marks_[slot.bucket] |= static_cast<uint8_t>(0x10 << slot.index);
	reserved_++;
	if (slot.bucket != first)
		overflow_[first / 64] |= 1ull << (first % 64);
}

BucketTable::Room BucketTable::reserve(uint64_t key, Places at)
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
BucketTable::Room BucketTable::make_room(uint64_t key, Places at)
{
	std::vector<Step> &steps = search_->steps;
	search_->begin();
	for (uint32_t bucket : {at.first, at.second}) {
		if (search_->visit(bucket))
			steps.push_back({bucket, -1, 0});
	}
	for (size_t head = 0; head < steps.size(); head++) {
		uint32_t bucket = steps[head].bucket;
		if (uint32_t free = look(bucket, 0).free) {
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
			uint64_t tenant = *key_word(slot);
			if (tenant && !config_.moves)
				continue;
			if (!tenant && is_reserved(slot))
				tenant = *value_word(slot);
			if (!tenant || steps.size() >= search_limit)
				continue;
			uint32_t other = other_place(tenant, bucket);
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
bool BucketTable::move(Slot from, Slot to)
{
	uint64_t key = *key_word(from);
	if (!key) { // promised only: nobody sees it
		key = *value_word(from);
		marks_[from.bucket] &= static_cast<uint8_t>(~(0x10 << from.index));
		reserved_--;
		take(key, to, places(key).first);
		return true;
	}
	uint32_t first = places(key).first;
	if (to.bucket != first)
		overflow_[first / 64] |= 1ull << (first % 64);
	store_word(value_word(to), *value_word(from));
	store_word(key_word(to), key);
	store_word(config_.moves, *config_.moves + 1);
	store_word(key_word(from), 0);
	rest(from);
	return false;
}

void BucketTable::release_reservations()
{
	if (reserved_ > 0) {
		for (uint8_t &marks : marks_)
			marks &= 0x0f;
	}
	reserved_ = 0;
}

void BucketTable::reserve_all(const Pair *puts, size_t count)
{
	std::vector<uint64_t> waiting;
	int hopeless = 0;
	auto attempt = [&](uint64_t key, Places at) {
		Room room = hopeless < hopeless_limit ? reserve(key, at) : Room::later;
		if (room == Room::none) {
			if (resting_ == 0)
				refuse(puts, count);
			hopeless++;
		}
		if (room == Room::none || room == Room::later)
			waiting.push_back(key);
	};
	each_place(puts, count, [&](const Pair &put, Places at) { attempt(put.key, at); });
	for (int round = 0; !waiting.empty(); round++) {
		if (round == rounds_limit)
			refuse(puts, count);
		collect();
		hopeless = 0;
		std::vector<uint64_t> again;
		again.swap(waiting);
		for (uint64_t key : again)
			attempt(key, places(key));
	}
}

// The new keys among puts, each once.
uint64_t BucketTable::count_new(const Pair *puts, size_t count) const
{
	std::vector<uint64_t> keys;
	each_place(puts, count, [&](const Pair &put, Places at) {
		Slot slot;
		if (!find_live(put.key, at, slot))
			keys.push_back(put.key);
	});
	std::sort(keys.begin(), keys.end());
	return static_cast<uint64_t>(std::unique(keys.begin(), keys.end()) - keys.begin());
}

void BucketTable::refuse(const Pair *puts, size_t count) const
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

// ---- change ----------------------------------------------------------------------------------

// Puts a promised key, or the value of one that is there, before the packets' eyes.
void BucketTable::publish(const Pair &put, Places at, Changed &changed)
{
	uint32_t bucket = at.first;
	Sight sight = look(bucket, put.key);
	if (!(sight.live | sight.promised)) {
		bucket = at.second;
		sight = look(bucket, put.key);
	}
	if (sight.live) {
		store_word(value_word({bucket, lowest(sight.live)}), put.value);
		changed.replaced++;
		return;
	}
	if (!sight.promised)
		throw Failure{.code = "INTERNAL",
			      .operation = "change",
			      .subject = "table " + config_.name,
			      .reason = "a planned key has lost its place"};
	Slot slot{bucket, lowest(sight.promised)};
	store_word(value_word(slot), put.value);
	store_word(key_word(slot), put.key);
	marks_[bucket] &= static_cast<uint8_t>(~(0x10 << slot.index));
	reserved_--;
	size_++;
	changed.inserted++;
}

BucketTable::Changed BucketTable::change(const Pair *puts, size_t put_count,
					 const uint64_t *deletes, size_t delete_count)
{
	for (size_t i = 0; i < put_count + delete_count; i++) {
		if (!(i < put_count ? puts[i].key : deletes[i - put_count]))
			throw bad_argument("key of table " + config_.name,
					   "a key of zero marks an empty slot");
	}
	settle();
	if (size_ + put_count > capacity() && size_ + count_new(puts, put_count) > capacity())
		refuse(puts, put_count);

	try {
		reserve_all(puts, put_count);
	} catch (...) {
		release_reservations();
		throw;
	}
	Changed changed;
	each_place(puts, put_count, [&](const Pair &put, Places at) { publish(put, at, changed); });
	each_place(deletes, delete_count, [&](uint64_t key, Places at) {
		Slot slot;
		if (!find_live(key, at, slot))
			return;
		store_word(key_word(slot), 0);
		rest(slot);
		size_--;
		changed.removed++;
	});
	return changed;
}

} // namespace unum
