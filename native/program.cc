// SPDX-License-Identifier: Apache-2.0
#include "program.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <cstdio>
#include <vector>

#include "arguments.hpp"
#include "pin.hpp"

namespace unum
{

Napi::Function Program::define(Napi::Env env)
{
	return DefineClass(env, "BpfProgram",
			   {static_method<&Program::open_pinned>("openPinned"),
			    static_method<&Program::open_by_id>("openById"),
			    instance_method<&Program::get_info>("info"),
			    instance_method<&Program::describe>("describe"),
			    instance_method<&Program::test_run>("testRun"),
			    instance_method<&Program::test_run_many>("testRunMany"),
			    instance_method<&Program::test_run_live>("testRunLive"),
			    instance_method<&Program::pin>("pin"),
			    instance_method<&Program::close>("close")});
}

Program *Program::adopt(Napi::Env env, Fd fd, std::string name)
{
	Program *program = make(env);
	program->fd_ = std::move(fd);
	program->name_ = std::move(name);
	return program;
}

int Program::fd() const
{
	if (!fd_.valid())
		throw closed(subject());
	return fd_.get();
}

Napi::Value Program::open_pinned(const Info &info)
{
	std::string path = string_argument(info[0], "path");
	Fd fd = open_pin(path, "program");
	return adopt(info.Env(), std::move(fd), path.substr(path.rfind('/') + 1))->Value();
}

Napi::Value Program::open_by_id(const Info &info)
{
	uint32_t id = u32_argument(info[0], "id", 1);
	std::string name = "with id " + std::to_string(id);
	Fd fd(bpf_prog_get_fd_by_id(id));
	if (!fd.valid())
		throw refused("open", "program " + name, errno, "CAP_SYS_ADMIN");
	return adopt(info.Env(), std::move(fd), name)->Value();
}

Napi::Value Program::get_info(const Info &info)
{
	Napi::Env env = info.Env();
	bpf_prog_info first = {};
	__u32 size = sizeof(first);
	if (bpf_obj_get_info_by_fd(fd(), &first, &size))
		throw refused("describe", subject(), errno);
	// The second time with room for the ids of its maps: nothing else is to be filled in.
	std::vector<__u32> map_ids(first.nr_map_ids);
	bpf_prog_info second = {};
	second.nr_map_ids = first.nr_map_ids;
	second.map_ids = reinterpret_cast<uintptr_t>(map_ids.data());
	size = sizeof(second);
	if (bpf_obj_get_info_by_fd(fd(), &second, &size))
		throw refused("describe", subject(), errno);

	char tag[2 * sizeof(second.tag) + 1];
	for (size_t i = 0; i < sizeof(second.tag); i++)
		std::snprintf(tag + 2 * i, 3, "%02x", second.tag[i]);
	const char *type = libbpf_bpf_prog_type_str(static_cast<bpf_prog_type>(second.type));

	Napi::Object result = Napi::Object::New(env);
	result.Set("id", second.id);
	result.Set("name", name_);
	result.Set("kernelName", static_cast<const char *>(second.name));
	result.Set("tag", static_cast<const char *>(tag));
	result.Set("type", second.type);
	result.Set("typeName", type ? type : "unknown");
	result.Set("xlatedBytes", second.xlated_prog_len);
	result.Set("jitedBytes", second.jited_prog_len);
	result.Set("verifiedInstructions", second.verified_insns);
	result.Set("loadTimeNs", Napi::BigInt::New(env, static_cast<uint64_t>(second.load_time)));
	Napi::Array ids = Napi::Array::New(env, map_ids.size());
	for (size_t i = 0; i < map_ids.size(); i++)
		ids[i] = Napi::Number::New(env, map_ids[i]);
	result.Set("mapIds", ids);
	return result;
}

Napi::Value Program::pin(const Info &info)
{
	std::string path = string_argument(info[0], "path");
	pin_to(fd(), path, subject());
	return info.Env().Undefined();
}

Napi::Value Program::close(const Info &info)
{
	fd_.close();
	return info.Env().Undefined();
}

} // namespace unum
