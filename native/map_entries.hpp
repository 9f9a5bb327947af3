// SPDX-License-Identifier: Apache-2.0
// map_entries.hpp - read many entries of a map, while others may change it.
#pragma once

#include <linux/bpf.h>

#include <cstdint>
#include <string>
#include <vector>

namespace unum
{

struct MapEntries {
	std::vector<uint8_t> keys;   // one after the other
	std::vector<uint8_t> values; // in the order of the keys
};

// A key whose value the kernel did not give.
struct LookupFailure {
	uint32_t index; // of the key in its stretch
	int error;
};

struct MapStretch {
	std::vector<uint8_t> keys;
	std::vector<uint8_t> values; // zeros where the lookup failed
	std::vector<LookupFailure> failures;
	bool at_end = false;
};

struct MapReader {
	int fd;
	const bpf_map_info &info;
	size_t value_bytes;
	std::string subject;

	// Each key that was there all the time once; keys that came or went meanwhile at most once.
	std::vector<uint8_t> keys() const;
	MapEntries entries() const;
	// Up to count keys after the one given (none: from the first), in the kernel's order, each
	// looked up by itself: what bpftool sees.
	MapStretch walk(const uint8_t *after, uint32_t count) const;
	// Elements first to first + count - 1 of an array.
	void array(uint32_t first, uint32_t count, uint8_t *values) const;

      private:
	bool hash_batch(MapEntries &entries) const;
};

} // namespace unum
