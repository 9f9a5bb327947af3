// SPDX-License-Identifier: Apache-2.0
/*
 * bucket_table.hpp - the writer of a bucket table. The reader is bpf/table.h.
 *
 * An array of 64-byte buckets, each four slots of a key word and a value word, or two slots of three
 * key words and a value word. A slot is empty when its first key word is zero. A key lives in one of
 * two buckets that its hash gives (cuckoo hashing); when both are full, keys that are there move to
 * their other bucket. Packets read all the while:
 *
 *   insert    further key words, value word, then first key word
 *   replace   value word: one store
 *   remove    first key word = 0; the other words stay
 *   move      insert the copy, count the move, remove the original: the key is always there, and a
 *             packet that overlooked it because it moved sees by the count that it must look again
 *
 * A slot that a packet could have read rests before it is used again: a packet may have matched its
 * first key word and not loaded the others yet. Resting slots become free when a grace period has
 * passed since (grace.hpp).
 *
 * Changes are planned before they are made: each new key gets a free slot first, marked in memory of
 * ours. Its further words are written where they will stay and its first word into the value word,
 * which nobody reads while the first word is zero. Moves are all that packets could notice of that,
 * and they change nothing. Only when every key has its place is the first one published; otherwise
 * the marks are taken away and the change is refused.
 *
 * A writer may be killed anywhere: marks vanish with it, at worst a key was copied and not removed.
 * Opening the table repairs that.
 *
 * Memory of ours: 1.125 bytes for each bucket, and a few hundred kilobytes.
 */
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace unum
{

// The shape of a table is its number of key words: 1, or 3. All else follows from it.
template <size_t key_words> class BucketTable
{
	static_assert(key_words == 1 || key_words == 3);

      public:
	struct Key {
		uint64_t words[key_words];

		auto operator<=>(const Key &) const = default;
	};
	// A slot as it is in memory, and as changes name it.
	struct Entry {
		Key key;
		uint64_t value;
	};
	static constexpr uint32_t bucket_slots = 64 / sizeof(Entry);
	struct alignas(64) Bucket {
		Entry slots[bucket_slots];
	};
	static_assert(sizeof(Bucket) == 64);

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

	std::optional<uint64_t> get(const Key &key) const;
	void each(const std::function<void(const Entry &)> &visit) const;

	// All puts, in order, and then all deletes; or a failure, and the table holds what it held.
	Changed change(const Entry *puts, size_t put_count, const Key *deletes,
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

	Places places(const Key &key) const;
	uint32_t other_place(const Key &key, uint32_t bucket) const;
	Entry &entry(Slot slot) const { return config_.buckets[slot.bucket].slots[slot.index]; }
	uint64_t *first_word(Slot slot) const { return &entry(slot).key.words[0]; }
	uint64_t *value_word(Slot slot) const { return &entry(slot).value; }
	Key promised_key(Slot slot) const;
	void write_further_words(Slot slot, const Key &key);
	static const Key &key_of(const Entry &put) { return put.key; }
	static const Key &key_of(const Key &deleted) { return deleted; }
	template <class Item, class Visit>
	void each_place(const Item *items, size_t count, Visit visit) const;

	void scan();
	bool is_copy(Slot slot, Places at) const;
	bool find_live(const Key &key, Places at, Slot &found) const;
	Sight look(uint32_t bucket, const Key &key) const;

	uint64_t count_new(const Entry *puts, size_t count) const;
	[[noreturn]] void refuse(const Entry *puts, size_t count) const;
	void reserve_all(const Entry *puts, size_t count);
	Room reserve(const Key &key, Places at);
	void take(const Key &key, Slot slot, uint32_t first);
	Room make_room(const Key &key, Places at);
	bool move(Slot from, Slot to);
	void release_reservations();
	void publish(const Entry &put, Places at, Changed &changed);
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
