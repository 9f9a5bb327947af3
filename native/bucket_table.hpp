// SPDX-License-Identifier: Apache-2.0
/*
 * bucket_table.hpp - the writer of a bucket table. The reader is bpf/table.h.
 *
 * An array of 64-byte buckets, each four slots of a key word and a value word. A slot is empty when
 * its key word is zero. A key lives in one of two buckets that its hash gives (cuckoo hashing); when
 * both are full, keys that are there move to their other bucket. Packets read all the while:
 *
 *   insert    value word, then key word
 *   replace   value word: one store
 *   remove    key word = 0; the value word stays
 *   move      insert the copy, count the move, remove the original: the key is always there, and a
 *             packet that overlooked it because it moved sees by the count that it must look again
 *
 * A slot that a packet could have read rests before it is used again: a packet may have matched its
 * key and not loaded its value yet. Resting slots become free when a grace period has passed since
 * (grace.hpp).
 *
 * Changes are planned before they are made: each new key gets a free slot first, marked in memory of
 * ours, with the key kept in the value word, which nobody reads while the key word is zero. Moves
 * are all that packets could notice of that, and they change nothing. Only when every key has its
 * place is the first one published; otherwise the marks are taken away and the change is refused.
 *
 * A writer may be killed anywhere: marks vanish with it, at worst a key was copied and not removed.
 * Opening the table repairs that.
 *
 * Memory of ours: 1.125 bytes for each bucket, and a few hundred kilobytes.
 */
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace unum
{

constexpr uint32_t bucket_slots = 4;

struct alignas(64) Bucket {
	struct {
		uint64_t key;
		uint64_t value;
	} slots[bucket_slots];
};

struct Pair {
	uint64_t key;
	uint64_t value;
};

class BucketTable
{
      public:
	struct Config {
		Bucket *buckets;
		uint32_t count;
		uint64_t seed;
		uint64_t
			*moves; // null: packets could not notice a move, so keys that they see stay
		std::string name;
	};
	struct Changed {
		uint64_t inserted = 0, replaced = 0, removed = 0;
	};

	// Reads the whole table; repairs what a killed writer left.
	explicit BucketTable(Config config);

	uint64_t capacity() const { return uint64_t{config_.count} * bucket_slots; }
	uint64_t size() const { return size_; }
	uint64_t resting() const { return resting_; }
	// Copies that a killed writer left, removed when the table was opened.
	uint64_t repaired() const { return repaired_; }
	const std::string &name() const { return config_.name; }

	std::optional<uint64_t> get(uint64_t key) const;
	void each(const std::function<void(uint64_t key, uint64_t value)> &visit) const;

	// All puts, in order, and then all deletes; or a failure, and the table holds what it held.
	Changed change(const Pair *puts, size_t put_count, const uint64_t *deletes,
		       size_t delete_count);

	// Makes resting slots free.
	void collect();

      private:
	struct Places {
		uint32_t first, second;
	};
	struct Slot {
		uint32_t bucket;
		uint32_t index;
	};
	struct Sight {
		uint32_t live;     // has the key
		uint32_t promised; // will have it
		uint32_t free;     // may be given to a key
	};
	struct Step; // of a search
	struct Search;
	// What a new key found: a slot, itself, a slot after a grace period, no way to one.
	enum class Room {
		placed,
		known,
		later,
		none
	};

	Places places(uint64_t key) const;
	uint32_t other_place(uint64_t key, uint32_t bucket) const;
	uint64_t *key_word(Slot slot) const
	{
		return &config_.buckets[slot.bucket].slots[slot.index].key;
	}
	uint64_t *value_word(Slot slot) const
	{
		return &config_.buckets[slot.bucket].slots[slot.index].value;
	}
	template <class Item, class Visit>
	void each_place(const Item *items, size_t count, Visit visit) const;

	void scan();
	bool find_live(uint64_t key, Places at, Slot &found) const;
	Sight look(uint32_t bucket, uint64_t key) const;

	uint64_t count_new(const Pair *puts, size_t count) const;
	[[noreturn]] void refuse(const Pair *puts, size_t count) const;
	void reserve_all(const Pair *puts, size_t count);
	Room reserve(uint64_t key, Places at);
	void take(uint64_t key, Slot slot, uint32_t first);
	Room make_room(uint64_t key, Places at);
	bool move(Slot from, Slot to);
	void release_reservations();
	void publish(const Pair &put, Places at, Changed &changed);
	void rest(Slot slot);
	void settle();

	bool is_reserved(Slot slot) const { return marks_[slot.bucket] >> (slot.index + 4) & 1; }
	bool overflowed(uint32_t bucket) const
	{
		return overflow_[bucket / 64] >> (bucket % 64) & 1;
	}

	Config config_;
	// For each bucket: low half, slots that rest; high half, slots that are promised to a key.
	std::vector<uint8_t> marks_;
	// One bit for each bucket: a key whose first place it is may live in its second.
	std::vector<uint64_t> overflow_;
	uint64_t size_ = 0, resting_ = 0, reserved_ = 0, repaired_ = 0;
	uint64_t freed_at_ = 0; // grace moment of the last free
	bool settled_ = false;  // a grace period has passed since the table was opened
	std::shared_ptr<Search> search_;
};

} // namespace unum
