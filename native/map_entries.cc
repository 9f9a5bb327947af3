// SPDX-License-Identifier: Apache-2.0
#include "map_entries.hpp"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <unordered_set>

#include "error.hpp"

namespace unum
{

static bool batch_unsupported(int error)
{
	return error == EINVAL || error == EOPNOTSUPP || error == 524 /* the kernel's ENOTSUPP */;
}

/*
 * The kernel finds the next key from the last one. If that was deleted meanwhile, it starts from the
 * beginning: keys that were already seen are passed over. A writer that is faster than we are could
 * keep us here, hence the bound.
 */
std::vector<uint8_t> MapReader::keys() const
{
	size_t size = info.key_size;
	std::unordered_set<std::string> seen;
	std::vector<uint8_t> result;
	std::string key(size, '\0'), next(size, '\0');
	uint64_t steps = 8ull * info.max_entries + 4096;

	for (const char *from = nullptr; steps > 0; steps--) {
		if (bpf_map_get_next_key(fd, from, next.data())) {
			if (errno == ENOENT)
				return result;
			throw refused("list the keys of", subject, errno, "CAP_BPF");
		}
		if (seen.insert(next).second)
			result.insert(result.end(), next.begin(), next.end());
		key.swap(next);
		from = key.data();
	}
	throw Failure{.code = "SYSTEM_CALL",
		      .operation = "list the keys of",
		      .subject = subject,
		      .reason = "it changes faster than it can be read"};
}

/*
 * Hash maps are read bucket by bucket under the bucket's lock: each entry is whole, and deletes do
 * not start the walk again. False where the kernel cannot.
 */
bool MapReader::hash_batch(MapEntries &entries) const
{
	uint32_t chunk = std::min<uint32_t>(std::max<uint32_t>(info.max_entries, 64), 4096);
	uint32_t position = 0, next = 0; // of the kernel's: the index of a bucket
	bool first = true;

	for (;;) {
		size_t have = entries.keys.size() / info.key_size;
		entries.keys.resize((have + chunk) * info.key_size);
		entries.values.resize((have + chunk) * value_bytes);
		__u32 count = chunk;
		int error = 0;
		if (bpf_map_lookup_batch(fd, first ? nullptr : &position, &next,
					 entries.keys.data() + have * info.key_size,
					 entries.values.data() + have * value_bytes, &count,
					 nullptr))
			error = errno;
		if (error && error != ENOENT)
			count = 0;
		entries.keys.resize((have + count) * info.key_size);
		entries.values.resize((have + count) * value_bytes);
		if (error == ENOENT)
			return true;
		if (error == ENOSPC &&
		    chunk < (1u << 26)) { // a bucket with more than chunk entries
			chunk *= 2;
			continue;
		}
		if (error && first && batch_unsupported(error))
			return false;
		if (error)
			throw refused("read the entries of", subject, error, "CAP_BPF");
		position = next;
		first = false;
	}
}

MapEntries MapReader::entries() const
{
	MapEntries entries;
	if ((info.type == BPF_MAP_TYPE_HASH || info.type == BPF_MAP_TYPE_LRU_HASH ||
	     info.type == BPF_MAP_TYPE_PERCPU_HASH || info.type == BPF_MAP_TYPE_LRU_PERCPU_HASH) &&
	    hash_batch(entries))
		return entries;

	std::vector<uint8_t> all = keys();
	entries = {};
	std::vector<uint8_t> value(value_bytes);
	for (size_t at = 0; at < all.size(); at += info.key_size) {
		const uint8_t *key = all.data() + at;
		if (bpf_map_lookup_elem(fd, key, value.data())) {
			if (errno == ENOENT) // deleted since it was listed, or an empty cell
				continue;
			throw refused("read the entries of", subject, errno, "CAP_BPF");
		}
		entries.keys.insert(entries.keys.end(), key, key + info.key_size);
		entries.values.insert(entries.values.end(), value.begin(), value.end());
	}
	return entries;
}

MapStretch MapReader::walk(const uint8_t *after, uint32_t count) const
{
	MapStretch stretch;
	std::vector<uint8_t> key(std::max<size_t>(info.key_size, 1)), value(value_bytes);

	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *from =
			i ? stretch.keys.data() + (i - 1) * size_t{info.key_size} : after;
		if (bpf_map_get_next_key(fd, from, key.data())) {
			stretch.at_end = errno == ENOENT;
			// What was read before is good: whoever asks for more meets the error first.
			if (!stretch.at_end && i == 0)
				throw refused("list the keys of", subject, errno, "CAP_BPF");
			return stretch;
		}
		stretch.keys.insert(stretch.keys.end(), key.data(), key.data() + info.key_size);
		if (bpf_map_lookup_elem(fd, key.data(), value.data())) {
			stretch.failures.push_back({i, errno});
			std::fill(value.begin(), value.end(), 0);
		}
		stretch.values.insert(stretch.values.end(), value.begin(), value.end());
	}
	return stretch;
}

void MapReader::array(uint32_t first, uint32_t count, uint8_t *values) const
{
	uint32_t last_read = first - 1, done = 0;
	std::vector<uint32_t> keys(std::min<uint32_t>(count, 65536));

	while (done < count) {
		__u32 chunk = std::min<uint32_t>(count - done, keys.size());
		uint32_t next = 0;
		bool from_start = first + done == 0;
		if (bpf_map_lookup_batch(fd, from_start ? nullptr : &last_read, &next, keys.data(),
					 values + done * value_bytes, &chunk, nullptr) &&
		    errno != ENOENT) {
			if (done > 0 || !batch_unsupported(errno))
				throw refused("read a range of", subject, errno, "CAP_BPF");
			break;
		}
		if (chunk == 0)
			break;
		done += chunk;
		last_read = first + done - 1;
	}
	for (; done < count; done++) { // where the kernel cannot read many at once
		uint32_t key = first + done;
		if (bpf_map_lookup_elem(fd, &key, values + done * value_bytes))
			throw refused("read a range of", subject, errno, "CAP_BPF");
	}
}

} // namespace unum
