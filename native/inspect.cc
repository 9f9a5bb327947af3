// SPDX-License-Identifier: Apache-2.0
#include "inspect.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <fstream>
#include <sstream>

#include "arguments.hpp"
#include "btf.hpp"
#include "handle.hpp"
#include "map.hpp"
#include "program.hpp"

namespace unum
{

std::string fd_text(int fd)
{
	std::ifstream file("/proc/self/fdinfo/" + std::to_string(fd));
	std::ostringstream text;
	text << file.rdbuf();
	return text.str();
}

static Napi::Value big(Napi::Env env, uint64_t number)
{
	return Napi::BigInt::New(env, number);
}

Napi::Value Map::describe(const Info &info)
{
	Napi::Env env = info.Env();
	bpf_map_info what = query();
	Napi::Object result = Napi::Object::New(env);
	set_device(result, what);
	result.Set("kernelName", static_cast<const char *>(what.name));
	result.Set("kernelTypesValueId", what.btf_vmlinux_value_type_id);
	result.Set("fdText", fd_text(fd()));
	return result;
}

Napi::Value Program::describe(const Info &info)
{
	Napi::Env env = info.Env();
	bpf_prog_info first = {};
	__u32 size = sizeof(first);
	if (bpf_obj_get_info_by_fd(fd(), &first, &size))
		throw refused("describe", subject(), errno);

	// Once more for its first function, whose name in the BTF is that of the program, in full.
	bpf_func_info function = {};
	if (first.btf_id && first.nr_func_info) {
		bpf_prog_info second = {};
		second.nr_func_info = 1;
		second.func_info_rec_size =
			std::min<__u32>(first.func_info_rec_size, sizeof(function));
		second.func_info = reinterpret_cast<uintptr_t>(&function);
		size = sizeof(second);
		if (bpf_obj_get_info_by_fd(fd(), &second, &size))
			function = {};
	}

	Napi::Object result = Napi::Object::New(env);
	set_device(result, first);
	result.Set("gplCompatible", Napi::Boolean::New(env, first.gpl_compatible));
	result.Set("runTimeNs", big(env, first.run_time_ns));
	result.Set("runCount", big(env, first.run_cnt));
	result.Set("recursionMisses", big(env, first.recursion_misses));
	result.Set("createdByUid", first.created_by_uid);
	result.Set("btfId", first.btf_id);
	result.Set("functionTypeId", function.type_id);
	result.Set("fdText", fd_text(fd()));
	return result;
}

// nextObjectId(kind, id): the next id above; undefined after the last one.
static Napi::Value next_object_id(const Napi::CallbackInfo &info)
{
	std::string kind = string_argument(info[0], "kind");
	uint32_t id = u32_argument(info[1], "id");
	auto next = kind == "map"       ? bpf_map_get_next_id
		    : kind == "program" ? bpf_prog_get_next_id
		    : kind == "link"    ? bpf_link_get_next_id
					: nullptr;
	if (!next)
		throw bad_argument("argument kind", "expected map, program or link, got " + kind);
	if (next(id, &id) == 0)
		return Napi::Number::New(info.Env(), id);
	if (errno == ENOENT)
		return info.Env().Undefined();
	throw refused("list", kind + "s", errno, "CAP_SYS_ADMIN");
}

static Napi::Value btf_by_id(const Napi::CallbackInfo &info)
{
	uint32_t id = u32_argument(info[0], "id", 1);
	return read_btf(info.Env(), id, "type information with id " + std::to_string(id));
}

static uint64_t now_ns(clockid_t clock)
{
	timespec now = {};
	::clock_gettime(clock, &now);
	return static_cast<uint64_t>(now.tv_sec) * 1000000000 + static_cast<uint64_t>(now.tv_nsec);
}

static Napi::Value clocks(const Napi::CallbackInfo &info)
{
	Napi::Object result = Napi::Object::New(info.Env());
	result.Set("realNs", big(info.Env(), now_ns(CLOCK_REALTIME)));
	result.Set("bootNs", big(info.Env(), now_ns(CLOCK_BOOTTIME)));
	return result;
}

// The name of a number of enum bpf_prog_type; undefined where libbpf does not know it.
static Napi::Value program_type_name(const Napi::CallbackInfo &info)
{
	const char *name =
		libbpf_bpf_prog_type_str(static_cast<bpf_prog_type>(u32_argument(info[0], "type")));
	if (!name)
		return info.Env().Undefined();
	return Napi::String::New(info.Env(), name);
}

void export_inspect(Napi::Env env, Napi::Object exports)
{
	auto add = [&](const char *name, auto function) {
		exports.Set(name, Napi::Function::New(env, function, name));
	};
	add("nextObjectId", guarded_function<next_object_id>);
	add("btfById", guarded_function<btf_by_id>);
	add("clocks", guarded_function<clocks>);
	add("programTypeName", guarded_function<program_type_name>);
}

} // namespace unum
