// SPDX-License-Identifier: Apache-2.0
// object_describe.cc - what an object file has to say of itself.
#include <bpf/btf.h>

#include "arguments.hpp"
#include "object.hpp"

namespace unum
{

// libbpf puts the file's name before the sections that the compiler makes: "unum.rodata".
std::string name_of(const bpf_map *map)
{
	std::string name = bpf_map__name(map);
	size_t dot = bpf_map__is_internal(map) ? name.find('.') : std::string::npos;
	return dot == std::string::npos ? name : name.substr(dot);
}

Napi::Value Object::maps(const Info &info)
{
	Napi::Env env = info.Env();
	Napi::Array list = Napi::Array::New(env);
	bpf_map *map;
	bpf_object__for_each_map(map, opened())
	{
		Napi::Object entry = Napi::Object::New(env);
		const char *type = libbpf_bpf_map_type_str(bpf_map__type(map));
		entry.Set("name", name_of(map));
		entry.Set("type", static_cast<double>(bpf_map__type(map)));
		entry.Set("typeName", type ? type : "unknown");
		entry.Set("keySize", bpf_map__key_size(map));
		entry.Set("valueSize", bpf_map__value_size(map));
		entry.Set("maxEntries", bpf_map__max_entries(map));
		entry.Set("flags", bpf_map__map_flags(map));
		entry.Set("keyTypeId", bpf_map__btf_key_type_id(map));
		entry.Set("valueTypeId", bpf_map__btf_value_type_id(map));
		entry.Set("internal", bpf_map__is_internal(map));
		list[list.Length()] = entry;
	}
	return list;
}

Napi::Value Object::programs(const Info &info)
{
	Napi::Env env = info.Env();
	Napi::Array list = Napi::Array::New(env);
	bpf_program *program;
	bpf_object__for_each_program(program, opened())
	{
		Napi::Object entry = Napi::Object::New(env);
		entry.Set("name", bpf_program__name(program));
		entry.Set("section", bpf_program__section_name(program));
		list[list.Length()] = entry;
	}
	return list;
}

Napi::Value Object::btf(const Info &info)
{
	const struct btf *btf = bpf_object__btf(opened());
	__u32 size = 0;
	const void *data = btf ? btf__raw_data(btf, &size) : nullptr;
	if (!data)
		throw Failure{.code = "BTF_INVALID",
			      .operation = "read",
			      .subject = "type information of " + subject(),
			      .reason = "it has none; compile it with -g"};
	return copy_out(info.Env(), data, size);
}

} // namespace unum
