// SPDX-License-Identifier: Apache-2.0
#include "bucket_table_handle.hpp"

#include <cstring>

#include "arguments.hpp"
#include "slot_items.hpp"

namespace unum
{

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

template <class Visit> auto BucketTableHandle::with_table(Visit visit) const
{
	if (auto *table = std::get_if<1>(&table_))
		return visit(**table);
	if (auto *table = std::get_if<2>(&table_))
		return visit(**table);
	throw closed("table " + name_);
}

template <size_t key_words>
static auto make_table(const Mapping &buckets, uint64_t seed, uint64_t *moves,
		       const std::string &name)
{
	using Table = BucketTable<key_words>;
	return std::make_unique<Table>(typename Table::Config{
		.buckets = reinterpret_cast<typename Table::Bucket *>(buckets.memory()),
		.count = buckets.entries(),
		.seed = seed,
		.moves = moves,
		.name = name});
}

// open(map, seed, keyWords, movesMap?, movesOffset?)
Napi::Value BucketTableHandle::open(const Info &info)
{
	Map &map = Map::from(info[0], "map");
	uint64_t seed = u64_argument(info[1], "seed");
	uint32_t key_words = u32_argument(info[2], "keyWords");
	if (key_words != 1 && key_words != 3)
		throw bad_argument("argument keyWords",
				   "expected 1 or 3, got " + std::to_string(key_words));
	Mapping buckets(map), moves;
	if (buckets.value_size() != 64)
		throw Failure{.code = "ARGUMENT_INVALID",
			      .operation = "open",
			      .subject = "table " + map.name(),
			      .reason = "expected elements of 64 bytes, found " +
					std::to_string(buckets.value_size())};
	uint64_t *count = nullptr;
	if (!info[3].IsUndefined()) {
		Map &moves_map = Map::from(info[3], "moves.map");
		moves = Mapping(moves_map);
		uint32_t offset = u32_argument(info[4], "moves.offset", 0, UINT32_MAX);
		if (offset % 8 || uint64_t{offset} + 8 > moves.value_size())
			throw bad_argument("argument moves.offset",
					   "expected a multiple of 8 inside of the " +
						   std::to_string(moves.value_size()) +
						   " bytes of " + moves_map.subject());
		count = reinterpret_cast<uint64_t *>(moves.memory() + offset);
	}
	decltype(table_) table;
	if (key_words == 1)
		table = make_table<1>(buckets, seed, count, map.name());
	else
		table = make_table<3>(buckets, seed, count, map.name());
	BucketTableHandle *handle = make(info.Env());
	handle->buckets_ = std::move(buckets);
	handle->moves_ = std::move(moves);
	handle->table_ = std::move(table);
	handle->name_ = map.name();
	return handle->Value();
}

Napi::Value BucketTableHandle::stats(const Info &info)
{
	return with_table([&](const auto &table) {
		Napi::Object result = Napi::Object::New(info.Env());
		result.Set("capacity", static_cast<double>(table.capacity()));
		result.Set("size", static_cast<double>(table.size()));
		result.Set("resting", static_cast<double>(table.resting()));
		result.Set("repaired", static_cast<double>(table.repaired()));
		return result;
	});
}

Napi::Value BucketTableHandle::get(const Info &info)
{
	return with_table([&]<size_t key_words>(
				  const BucketTable<key_words> &table) -> Napi::Value {
		typename BucketTable<key_words>::Key key;
		std::memcpy(&key, bytes_argument(info[0], "key", sizeof(key)).data(), sizeof(key));
		auto value = table.get(key);
		if (!value)
			return info.Env().Undefined();
		return copy_out(info.Env(), &*value, sizeof(*value));
	});
}

Napi::Value BucketTableHandle::entries(const Info &info)
{
	return with_table([&](const auto &table) {
		using Table = std::remove_cvref_t<decltype(table)>;
		constexpr size_t entry_bytes = sizeof(typename Table::Entry);
		auto result = Napi::Uint8Array::New(info.Env(), table.size() * entry_bytes);
		uint8_t *to = result.Data(), *end = to + result.ByteLength();
		table.each([&](const auto &entry) {
			if (to == end) // somebody else writes the table: the caller's lock failed
				return;
			std::memcpy(to, &entry, entry_bytes);
			to += entry_bytes;
		});
		return result;
	});
}

Napi::Value BucketTableHandle::change_all(const Info &info)
{
	return with_table([&]<size_t key_words>(BucketTable<key_words> &table) {
		Items<typename BucketTable<key_words>::Entry> puts(info[0], "puts");
		Items<typename BucketTable<key_words>::Key> deletes(info[1], "deletes");
		auto changed = table.change(puts.data, puts.count, deletes.data, deletes.count);
		Napi::Object result = Napi::Object::New(info.Env());
		result.Set("inserted", static_cast<double>(changed.inserted));
		result.Set("replaced", static_cast<double>(changed.replaced));
		result.Set("removed", static_cast<double>(changed.removed));
		return result;
	});
}

Napi::Value BucketTableHandle::collect(const Info &info)
{
	with_table([](auto &table) { table.collect(); });
	return info.Env().Undefined();
}

Napi::Value BucketTableHandle::close(const Info &info)
{
	table_ = std::monostate{};
	buckets_.unmap();
	moves_.unmap();
	return info.Env().Undefined();
}

} // namespace unum
