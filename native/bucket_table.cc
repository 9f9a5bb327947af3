// SPDX-License-Identifier: Apache-2.0
#include "bucket_table_internal.hpp"
#include "error.hpp"
#include "grace.hpp"
#include "mapping.hpp"

namespace unum
{

BucketTable::BucketTable(Config config)
    : config_(std::move(config)), marks_(config_.count), overflow_((config_.count + 63) / 64)
{
	scan();
	// Somebody before us may have freed any of the empty slots just now.
	freed_at_ = grace_moment();
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
