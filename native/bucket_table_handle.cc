// SPDX-License-Identifier: Apache-2.0
#include "bucket_table_handle.hpp"

#include <cstring>
#include <vector>

#include "arguments.hpp"

namespace unum
{

static_assert(sizeof(Bucket) == 64 && sizeof(Pair) == 16);

Napi::Function BucketTableHandle::define(Napi::Env env)
{
	return DefineClass(env, "BucketTable",
			   {static_method<&BucketTableHandle::open>("open"),
			    instance_method<&BucketTableHandle::stats>("stats"),
			    instance_method<&BucketTableHandle::get>("get"),
			    instance_method<&BucketTableHandle::entries>("entries"),
			    instance_method<&BucketTableHandle::change_all>("changeAll"),
			    instance_method<&BucketTableHandle::collect>("collect"),
			    instance_method<&BucketTableHandle::close>("close")});
}

BucketTable &BucketTableHandle::table() const
{
	if (!table_)
		throw closed("table " + name_);
	return *table_;
}

// open(map, seed, movesMap?, movesOffset?)
Napi::Value BucketTableHandle::open(const Info &info)
{
	Map &map = Map::from(info[0], "map");
	uint64_t seed = u64_argument(info[1], "seed");
	Mapping buckets(map), moves;
	if (buckets.value_size() != sizeof(Bucket))
		throw Failure{.code = "ARGUMENT_INVALID",
			      .operation = "open",
			      .subject = "table " + map.name(),
			      .reason = "expected elements of 64 bytes, found " +
					std::to_string(buckets.value_size())};
	uint64_t *count = nullptr;
	if (!info[2].IsUndefined()) {
		Map &moves_map = Map::from(info[2], "moves.map");
		moves = Mapping(moves_map);
		uint32_t offset = u32_argument(info[3], "moves.offset", 0, UINT32_MAX);
		if (offset % 8 || uint64_t{offset} + 8 > moves.value_size())
			throw bad_argument("argument moves.offset",
					   "expected a multiple of 8 inside of the " +
						   std::to_string(moves.value_size()) +
						   " bytes of " + moves_map.subject());
		count = reinterpret_cast<uint64_t *>(moves.memory() + offset);
	}
	auto table = std::make_unique<BucketTable>(
		BucketTable::Config{.buckets = reinterpret_cast<Bucket *>(buckets.memory()),
				    .count = buckets.entries(),
				    .seed = seed,
				    .moves = count,
				    .name = map.name()});
	BucketTableHandle *handle = make(info.Env());
	handle->buckets_ = std::move(buckets);
	handle->moves_ = std::move(moves);
	handle->table_ = std::move(table);
	handle->name_ = map.name();
	return handle->Value();
}

Napi::Value BucketTableHandle::stats(const Info &info)
{
	const BucketTable &table = this->table();
	Napi::Object result = Napi::Object::New(info.Env());
	result.Set("capacity", static_cast<double>(table.capacity()));
	result.Set("size", static_cast<double>(table.size()));
	result.Set("resting", static_cast<double>(table.resting()));
	result.Set("repaired", static_cast<double>(table.repaired()));
	return result;
}

Napi::Value BucketTableHandle::get(const Info &info)
{
	const BucketTable &table = this->table();
	uint64_t key;
	std::memcpy(&key, bytes_argument(info[0], "key", 8).data(), 8);
	auto value = table.get(key);
	if (!value)
		return info.Env().Undefined();
	return copy_out(info.Env(), &*value, 8);
}

Napi::Value BucketTableHandle::entries(const Info &info)
{
	const BucketTable &table = this->table();
	auto result = Napi::Uint8Array::New(info.Env(), table.size() * sizeof(Pair));
	uint8_t *to = result.Data(), *end = to + result.ByteLength();
	table.each([&](uint64_t key, uint64_t value) {
		Pair pair{key, value};
		if (to == end) // somebody else writes the table: the caller's lock failed
			return;
		std::memcpy(to, &pair, sizeof(pair));
		to += sizeof(pair);
	});
	return result;
}

// An array of words from JavaScript, copied only where it is not aligned.
template <class Item> struct Items {
	std::vector<Item> copy;
	const Item *data;
	size_t count;

	Items(const Napi::Value &value, const char *name)
	{
		Bytes bytes = bytes_argument(value, name);
		if (bytes.size() % sizeof(Item))
			throw bad_argument(std::string("argument ") + name,
					   "expected a multiple of " +
						   std::to_string(sizeof(Item)) + " bytes, got " +
						   std::to_string(bytes.size()));
		count = bytes.size() / sizeof(Item);
		data = reinterpret_cast<const Item *>(bytes.data());
		if (reinterpret_cast<uintptr_t>(bytes.data()) % alignof(Item)) {
			copy.resize(count);
			std::memcpy(copy.data(), bytes.data(), bytes.size());
			data = copy.data();
		}
	}
};

Napi::Value BucketTableHandle::change_all(const Info &info)
{
	BucketTable &table = this->table();
	Items<Pair> puts(info[0], "puts");
	Items<uint64_t> deletes(info[1], "deletes");
	auto changed = table.change(puts.data, puts.count, deletes.data, deletes.count);
	Napi::Object result = Napi::Object::New(info.Env());
	result.Set("inserted", static_cast<double>(changed.inserted));
	result.Set("replaced", static_cast<double>(changed.replaced));
	result.Set("removed", static_cast<double>(changed.removed));
	return result;
}

Napi::Value BucketTableHandle::collect(const Info &info)
{
	table().collect();
	return info.Env().Undefined();
}

Napi::Value BucketTableHandle::close(const Info &info)
{
	table_.reset();
	buckets_.unmap();
	moves_.unmap();
	return info.Env().Undefined();
}

} // namespace unum
