// SPDX-License-Identifier: Apache-2.0
#include "mapping.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

namespace unum
{

Mapping::Mapping(const Map &map)
{
	bpf_map_info info = map.query();
	if (info.type != BPF_MAP_TYPE_ARRAY || !(info.map_flags & BPF_F_MMAPABLE))
		throw Failure{.code = "ARGUMENT_INVALID",
			      .operation = "map",
			      .subject = map.subject(),
			      .reason = "expected an array made with BPF_F_MMAPABLE"};
	size_t page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
	entries_ = info.max_entries;
	value_size_ = info.value_size;
	stride_ = (size_t{info.value_size} + 7) & ~size_t{7};
	length_ = (entries_ * stride_ + page - 1) & ~(page - 1);
	void *memory = ::mmap(nullptr, length_, PROT_READ | PROT_WRITE, MAP_SHARED, map.fd(), 0);
	if (memory == MAP_FAILED)
		throw refused("map", map.subject() + " into memory", errno, "CAP_BPF");
	memory_ = static_cast<uint8_t *>(memory);
}

Mapping &Mapping::operator=(Mapping &&other) noexcept
{
	if (this != &other) {
		unmap();
		memory_ = std::exchange(other.memory_, nullptr);
		length_ = other.length_;
		stride_ = other.stride_;
		entries_ = other.entries_;
		value_size_ = other.value_size_;
	}
	return *this;
}

void Mapping::unmap()
{
	if (memory_)
		::munmap(std::exchange(memory_, nullptr), length_);
}

} // namespace unum
