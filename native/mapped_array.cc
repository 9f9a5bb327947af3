// SPDX-License-Identifier: Apache-2.0
#include "mapped_array.hpp"

#include <algorithm>
#include <cstring>

#include "arguments.hpp"

namespace unum
{

Napi::Function MappedArray::define(Napi::Env env)
{
	return DefineClass(env, "MappedArray",
			   {static_method<&MappedArray::map>("map"),
			    instance_method<&MappedArray::length>("length"),
			    instance_method<&MappedArray::value_size>("valueSize"),
			    instance_method<&MappedArray::load>("load"),
			    instance_method<&MappedArray::load_many>("loadMany"),
			    instance_method<&MappedArray::store>("store"),
			    instance_method<&MappedArray::write>("write"),
			    instance_method<&MappedArray::close>("close")});
}

Napi::Value MappedArray::map(const Info &info)
{
	Map &map = Map::from(info[0], "map");
	Mapping mapping(map);
	MappedArray *array = make(info.Env());
	array->mapping_ = std::move(mapping);
	array->name_ = map.name();
	return array->Value();
}

void MappedArray::check_open() const
{
	if (!mapping_.valid())
		throw closed(subject());
}

uint64_t *MappedArray::element(const Napi::Value &index) const
{
	check_open();
	uint32_t at = u32_argument(index, "index", 0, mapping_.entries() - 1);
	return reinterpret_cast<uint64_t *>(mapping_.memory() + at * mapping_.stride());
}

Napi::Value MappedArray::length(const Info &info)
{
	check_open();
	return Napi::Number::New(info.Env(), mapping_.entries());
}

Napi::Value MappedArray::value_size(const Info &info)
{
	check_open();
	return Napi::Number::New(info.Env(), mapping_.value_size());
}

// Word by word: a value of 8 bytes is never seen half changed, a larger one may be.
void MappedArray::copy_element(const uint64_t *from, uint8_t *to) const
{
	size_t left = mapping_.value_size();
	for (; left > 0; from++) {
		uint64_t word = load_word(from);
		size_t part = std::min<size_t>(left, 8);
		std::memcpy(to, &word, part);
		to += part;
		left -= part;
	}
}

Napi::Value MappedArray::load(const Info &info)
{
	const uint64_t *from = element(info[0]);
	auto value = Napi::Uint8Array::New(info.Env(), mapping_.value_size());
	copy_element(from, value.Data());
	return value;
}

Napi::Value MappedArray::load_many(const Info &info)
{
	check_open();
	uint32_t first = u32_argument(info[0], "first", 0, mapping_.entries());
	uint32_t count = u32_argument(info[1], "count", 0, mapping_.entries() - first);
	size_t size = mapping_.value_size();
	auto values = Napi::Uint8Array::New(info.Env(), size * count);
	for (uint32_t i = 0; i < count; i++) {
		size_t at = (size_t{first} + i) * mapping_.stride();
		copy_element(reinterpret_cast<uint64_t *>(mapping_.memory() + at),
			     values.Data() + i * size);
	}
	return values;
}

Napi::Value MappedArray::store(const Info &info)
{
	uint64_t *to = element(info[0]);
	if (mapping_.value_size() != 8)
		throw Failure{.code = "ARGUMENT_INVALID",
			      .operation = "store into",
			      .subject = subject(),
			      .reason = "its elements have " +
					std::to_string(mapping_.value_size()) +
					" bytes, and only 8 can be replaced at once"};
	uint64_t word;
	std::memcpy(&word, bytes_argument(info[1], "bytes", 8).data(), 8);
	store_word(to, word);
	return info.Env().Undefined();
}

Napi::Value MappedArray::write(const Info &info)
{
	uint64_t *to = element(info[0]);
	Bytes bytes = bytes_argument(info[1], "bytes", mapping_.value_size());
	for (size_t at = 0; at < bytes.size(); at += 8) {
		uint64_t word = 0; // padding behind the value is zero
		std::memcpy(&word, bytes.data() + at, std::min<size_t>(8, bytes.size() - at));
		__atomic_store_n(to++, word, __ATOMIC_RELAXED);
	}
	// Whatever is stored next, such as the word that publishes this element, comes after it.
	__atomic_thread_fence(__ATOMIC_RELEASE);
	return info.Env().Undefined();
}

Napi::Value MappedArray::close(const Info &info)
{
	mapping_.unmap();
	return info.Env().Undefined();
}

} // namespace unum
