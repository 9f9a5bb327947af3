// SPDX-License-Identifier: Apache-2.0
// mapping.hpp - the memory of an array map made with BPF_F_MMAPABLE, shared with the packet path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "map.hpp"

namespace unum
{

class Mapping
{
      public:
	Mapping() = default;
	// The mapping outlives the handle of the map.
	explicit Mapping(const Map &map);
	Mapping(Mapping &&other) noexcept { *this = std::move(other); }
	Mapping &operator=(Mapping &&other) noexcept;
	~Mapping() { unmap(); }

	void unmap();
	bool valid() const { return memory_ != nullptr; }
	uint8_t *memory() const { return memory_; }
	uint32_t entries() const { return entries_; }
	uint32_t value_size() const { return value_size_; }
	// From one element to the next.
	size_t stride() const { return stride_; }

      private:
	uint8_t *memory_ = nullptr;
	size_t length_ = 0;
	size_t stride_ = 0;
	uint32_t entries_ = 0;
	uint32_t value_size_ = 0;
};

// Words that packets read while they are written.
inline uint64_t load_word(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

inline void store_word(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

} // namespace unum
