// SPDX-License-Identifier: Apache-2.0
#include "map.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "btf.hpp"
#include "map_entries.hpp"
#include "pin.hpp"

namespace unum
{

static constexpr const char *needs_bpf = "CAP_BPF";

uint32_t possible_cpus()
{
	int count = libbpf_num_possible_cpus();
	if (count <= 0)
		throw refused("count", "possible CPUs", count ? -count : EINVAL);
	return static_cast<uint32_t>(count);
}

static bool is_per_cpu(uint32_t type)
{
	return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY ||
	       type == BPF_MAP_TYPE_LRU_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE;
}

Napi::Function Map::define(Napi::Env env)
{
	return DefineClass(
		env, "BpfMap",
		{static_method<&Map::open_pinned>("openPinned"),
		 static_method<&Map::open_by_id>("openById"),
		 instance_method<&Map::get_info>("info"),
		 instance_method<&Map::describe>("describe"), instance_method<&Map::btf>("btf"),
		 instance_method<&Map::lookup>("lookup"), instance_method<&Map::update>("update"),
		 instance_method<&Map::remove>("delete"), instance_method<&Map::keys>("keys"),
		 instance_method<&Map::entries>("entries"),
		 instance_method<&Map::next_key>("nextKey"), instance_method<&Map::walk>("walk"),
		 instance_method<&Map::read_array>("readArray"), instance_method<&Map::pin>("pin"),
		 instance_method<&Map::close>("close")});
}

Map *Map::adopt(Napi::Env env, Fd fd, std::string name)
{
	Map *map = make(env);
	map->fd_ = std::move(fd);
	map->name_ = std::move(name);
	map->info_ = map->query();
	// The kernel cuts names: one that it begins is the same name in full.
	std::string cut = map->info_.name;
	if (map->name_.compare(0, cut.size(), cut) != 0 || map->name_.empty())
		map->name_ = cut.empty() ? "number " + std::to_string(map->info_.id) : cut;
	map->value_bytes_ = is_per_cpu(map->info_.type)
				    ? size_t{(map->info_.value_size + 7) & ~7u} * possible_cpus()
				    : map->info_.value_size;
	return map;
}

int Map::fd() const
{
	if (!fd_.valid())
		throw closed(subject());
	return fd_.get();
}

bpf_map_info Map::query() const
{
	bpf_map_info info = {};
	__u32 size = sizeof(info);
	if (bpf_obj_get_info_by_fd(fd(), &info, &size))
		throw refused("describe", subject(), errno);
	return info;
}

Napi::Value Map::open_pinned(const Info &info)
{
	std::string path = string_argument(info[0], "path");
	Fd fd = open_pin(path, "map");
	return adopt(info.Env(), std::move(fd), path.substr(path.rfind('/') + 1))->Value();
}

Napi::Value Map::open_by_id(const Info &info)
{
	uint32_t id = u32_argument(info[0], "id", 1);
	Fd fd(bpf_map_get_fd_by_id(id));
	if (!fd.valid())
		throw refused("open", "map with id " + std::to_string(id), errno, "CAP_SYS_ADMIN");
	return adopt(info.Env(), std::move(fd))->Value();
}

Napi::Value Map::get_info(const Info &info)
{
	fd();
	Napi::Object result = Napi::Object::New(info.Env());
	const char *type = libbpf_bpf_map_type_str(static_cast<bpf_map_type>(info_.type));
	result.Set("id", info_.id);
	result.Set("name", name_);
	result.Set("type", info_.type);
	result.Set("typeName", type ? type : "unknown");
	result.Set("keySize", info_.key_size);
	result.Set("valueSize", info_.value_size);
	result.Set("maxEntries", info_.max_entries);
	result.Set("flags", info_.map_flags);
	result.Set("valueBytes", static_cast<double>(value_bytes_));
	result.Set("btfId", info_.btf_id);
	result.Set("keyTypeId", info_.btf_key_type_id);
	result.Set("valueTypeId", info_.btf_value_type_id);
	return result;
}

Napi::Value Map::btf(const Info &info)
{
	fd();
	if (info_.btf_id == 0)
		return info.Env().Undefined();
	return read_btf(info.Env(), info_.btf_id, "type information of " + subject());
}

Napi::Value Map::lookup(const Info &info)
{
	int map = fd();
	Bytes key = bytes_argument(info[0], "key", info_.key_size);
	auto value = Napi::Uint8Array::New(info.Env(), value_bytes_);
	if (!bpf_map_lookup_elem(map, key.data(), value.Data()))
		return value;
	if (errno == ENOENT)
		return info.Env().Undefined();
	throw refused("look up a key in", subject(), errno, needs_bpf);
}

void Map::write_failed(int error, const char *operation) const
{
	Failure failure = refused(operation, subject(), error, needs_bpf);
	if (error == E2BIG || error == ENOSPC)
		failure.reason =
			"it holds at most " + std::to_string(info_.max_entries) + " entries";
	throw failure;
}

Napi::Value Map::update(const Info &info)
{
	int map = fd();
	Bytes key = bytes_argument(info[0], "key", info_.key_size);
	Bytes value = bytes_argument(info[1], "value", value_bytes_);
	uint32_t flags = u32_argument(info[2], "flags", BPF_ANY, BPF_EXIST);
	if (bpf_map_update_elem(map, key.data(), value.data(), flags))
		write_failed(errno, "update");
	return info.Env().Undefined();
}

Napi::Value Map::remove(const Info &info)
{
	int map = fd();
	Bytes key = bytes_argument(info[0], "key", info_.key_size);
	if (!bpf_map_delete_elem(map, key.data()))
		return Napi::Boolean::New(info.Env(), true);
	if (errno == ENOENT)
		return Napi::Boolean::New(info.Env(), false);
	throw refused("delete a key from", subject(), errno, needs_bpf);
}

Napi::Value Map::keys(const Info &info)
{
	MapReader reader{fd(), info_, value_bytes_, subject()};
	std::vector<uint8_t> keys = reader.keys();
	return copy_out(info.Env(), keys.data(), keys.size());
}

Napi::Value Map::entries(const Info &info)
{
	MapReader reader{fd(), info_, value_bytes_, subject()};
	MapEntries entries = reader.entries();
	Napi::Object result = Napi::Object::New(info.Env());
	result.Set("keys", copy_out(info.Env(), entries.keys.data(), entries.keys.size()));
	result.Set("values", copy_out(info.Env(), entries.values.data(), entries.values.size()));
	return result;
}

// nextKey(key): the one after it in the kernel's order, the first one for undefined; undefined after the last.
Napi::Value Map::next_key(const Info &info)
{
	int map = fd();
	const uint8_t *from = nullptr;
	if (!info[0].IsUndefined())
		from = bytes_argument(info[0], "key", info_.key_size).data();
	auto next = Napi::Uint8Array::New(info.Env(), info_.key_size);
	if (!bpf_map_get_next_key(map, from, next.Data()))
		return next;
	if (errno == ENOENT)
		return info.Env().Undefined();
	throw refused("list the keys of", subject(), errno, needs_bpf);
}

// walk(after, count): up to count keys after that one (undefined: from the first) with their values.
Napi::Value Map::walk(const Info &info)
{
	Napi::Env env = info.Env();
	MapReader reader{fd(), info_, value_bytes_, subject()};
	Bytes after;
	if (!info[0].IsUndefined())
		after = bytes_argument(info[0], "after", info_.key_size);
	MapStretch stretch = reader.walk(after.data(), u32_argument(info[1], "count", 1, 1 << 20));
	Napi::Object result = Napi::Object::New(env);
	result.Set("keys", copy_out(env, stretch.keys.data(), stretch.keys.size()));
	result.Set("values", copy_out(env, stretch.values.data(), stretch.values.size()));
	Napi::Array failures = Napi::Array::New(env, stretch.failures.size());
	for (uint32_t i = 0; i < stretch.failures.size(); i++) {
		const LookupFailure &failure = stretch.failures[i];
		Napi::Object entry = Napi::Object::New(env);
		entry.Set("index", failure.index);
		entry.Set("errno", failure.error);
		entry.Set("text", ::strerror(failure.error));
		failures[i] = entry;
	}
	result.Set("failures", failures);
	result.Set("atEnd", Napi::Boolean::New(env, stretch.at_end));
	return result;
}

Napi::Value Map::read_array(const Info &info)
{
	int map = fd();
	if (info_.type != BPF_MAP_TYPE_ARRAY && info_.type != BPF_MAP_TYPE_PERCPU_ARRAY)
		throw Failure{.code = "ARGUMENT_INVALID",
			      .operation = "read a range of",
			      .subject = subject(),
			      .reason = "it is neither an array nor a per-CPU array"};
	uint32_t first = u32_argument(info[0], "first", 0, info_.max_entries);
	uint32_t count = u32_argument(info[1], "count", 0, info_.max_entries - first);
	auto values = Napi::Uint8Array::New(info.Env(), value_bytes_ * count);
	MapReader{map, info_, value_bytes_, subject()}.array(first, count, values.Data());
	return values;
}

Napi::Value Map::pin(const Info &info)
{
	std::string path = string_argument(info[0], "path");
	pin_to(fd(), path, subject());
	return info.Env().Undefined();
}

Napi::Value Map::close(const Info &info)
{
	fd_.close();
	return info.Env().Undefined();
}

} // namespace unum
