// SPDX-License-Identifier: Apache-2.0
#include "bucket_table_internal.hpp"
#include "error.hpp"
#include "grace.hpp"

namespace unum
{

template <size_t key_words>
BucketTable<key_words>::BucketTable(Config config)
    : config_(std::move(config)), marks_(config_.count), overflow_((config_.count + 63) / 64)
{
	scan();
	// Somebody before us may have freed any of the empty slots just now.
	freed_at_ = grace_moment();
}

// ---- open ------------------------------------------------------------------------------------

// Of a key that packets find in another slot first: they look at the first place first, and at slots
// in order.
template <size_t key_words> bool BucketTable<key_words>::is_copy(Slot slot, Places at) const
{
	const Key &key = entry(slot).key;
	if (slot.bucket != at.first && look(at.first, key).live)
		return true;
	return look(slot.bucket, key).live & ((1u << slot.index) - 1);
}

template <size_t key_words> void BucketTable<key_words>::scan()
{
	uint64_t misplaced = 0;
	std::vector<Slot> copies;
	for (Slot slot{0, 0}; slot.bucket < config_.count; slot.bucket++) {
		for (slot.index = 0; slot.index < bucket_slots; slot.index++) {
			if (!load_word(first_word(slot)))
				continue;
			Places at = places(entry(slot).key);
			if (slot.bucket != at.first && slot.bucket != at.second) {
				misplaced++;
				continue;
			}
			// A writer was killed between copying and removing.
			if (is_copy(slot, at)) {
				copies.push_back(slot);
				continue;
			}
			if (slot.bucket != at.first)
				overflow_[at.first / 64] |= 1ull << (at.first % 64);
			size_++;
		}
	}
	// Before the first store: what another seed, size or shape takes for a copy may be a key.
	if (misplaced)
		throw Failure{.code = "STATE_CORRUPT",
			      .operation = "open",
			      .subject = "table " + config_.name,
			      .reason = std::to_string(misplaced) +
					" keys are not where this seed and size put them"};
	for (Slot slot : copies)
		store_word(first_word(slot), 0);
	repaired_ = copies.size();
}

// ---- read ------------------------------------------------------------------------------------

template <size_t key_words>
bool BucketTable<key_words>::find_live(const Key &key, Places at, Slot &found) const
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

template <size_t key_words>
std::optional<uint64_t> BucketTable<key_words>::get(const Key &key) const
{
	Slot slot;
	if (key.words[0] == 0 || !find_live(key, places(key), slot))
		return std::nullopt;
	return *value_word(slot);
}

template <size_t key_words>
void BucketTable<key_words>::each(const std::function<void(const Entry &)> &visit) const
{
	for (Slot slot{0, 0}; slot.bucket < config_.count; slot.bucket++) {
		for (slot.index = 0; slot.index < bucket_slots; slot.index++) {
			if (*first_word(slot))
				visit(entry(slot));
		}
	}
}

// ---- resting slots ---------------------------------------------------------------------------

template <size_t key_words> void BucketTable<key_words>::rest(Slot slot)
{
	marks_[slot.bucket] |= static_cast<uint8_t>(1 << slot.index);
	resting_++;
	freed_at_ = grace_moment();
}

// Another table may have waited meanwhile: one grace period serves all.
template <size_t key_words> void BucketTable<key_words>::settle()
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

template <size_t key_words> void BucketTable<key_words>::collect()
{
	if (settled_ && resting_ == 0)
		return;
	if (!grace_passed(freed_at_))
		grace_period();
	settle();
}

// ---- change ----------------------------------------------------------------------------------

// Puts a promised key, or the value of one that is there, before the packets' eyes.
template <size_t key_words>
void BucketTable<key_words>::publish(const Entry &put, Places at, Changed &changed)
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
	store_word(first_word(slot), put.key.words[0]);
	marks_[bucket] &= static_cast<uint8_t>(~(0x10 << slot.index));
	reserved_--;
	size_++;
	changed.inserted++;
}

template <size_t key_words>
auto BucketTable<key_words>::change(const Entry *puts, size_t put_count, const Key *deletes,
				    size_t delete_count) -> Changed
{
	for (size_t i = 0; i < put_count + delete_count; i++) {
		const Key &key = i < put_count ? puts[i].key : deletes[i - put_count];
		if (!key.words[0])
			throw bad_argument("key of table " + config_.name,
					   key_words == 1 ? "a key of zero marks an empty slot"
							  : "a key whose first word is zero marks "
							    "an empty slot");
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
	each_place(puts, put_count,
		   [&](const Entry &put, Places at) { publish(put, at, changed); });
	each_place(deletes, delete_count, [&](const Key &key, Places at) {
		Slot slot;
		if (!find_live(key, at, slot))
			return;
		store_word(first_word(slot), 0);
		rest(slot);
		size_--;
		changed.removed++;
	});
	return changed;
}

// The members that are defined here; bucket_table_plan.cc has the others.
template class BucketTable<1>;
template class BucketTable<3>;

} // namespace unum
