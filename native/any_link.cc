// SPDX-License-Identifier: Apache-2.0
#include "any_link.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>

#include "arguments.hpp"
#include "pin.hpp"

namespace unum
{

Napi::Function AnyLink::define(Napi::Env env)
{
	return DefineClass(env, "BpfLink",
			   {static_method<&AnyLink::open_pinned>("openPinned"),
			    static_method<&AnyLink::open_by_id>("openById"),
			    instance_method<&AnyLink::describe>("describe"),
			    instance_method<&AnyLink::close>("close")});
}

Napi::Value AnyLink::open_pinned(const Info &info)
{
	std::string path = string_argument(info[0], "path");
	Fd fd = open_pin(path, "link");
	AnyLink *link = make(info.Env());
	link->fd_ = std::move(fd);
	link->name_ = path;
	return link->Value();
}

Napi::Value AnyLink::open_by_id(const Info &info)
{
	uint32_t id = u32_argument(info[0], "id", 1);
	std::string name = "with id " + std::to_string(id);
	Fd fd(bpf_link_get_fd_by_id(id));
	if (!fd.valid())
		throw refused("open", "link " + name, errno, "CAP_SYS_ADMIN");
	AnyLink *link = make(info.Env());
	link->fd_ = std::move(fd);
	link->name_ = name;
	return link->Value();
}

static void set_attach_type(Napi::Object result, uint32_t type)
{
	const char *name = libbpf_bpf_attach_type_str(static_cast<bpf_attach_type>(type));
	result.Set("attachType", type);
	if (name)
		result.Set("attachTypeName", name);
}

// What an iterator goes through, and the part of it that it was asked for.
static void set_iterator(Napi::Object result, const bpf_link_info &what, const char *target)
{
	result.Set("iteratorTarget", target);
	result.Set("iteratorMapId", what.iter.map.map_id);
	result.Set("iteratorTid", what.iter.task.tid);
	result.Set("iteratorPid", what.iter.task.pid);
	result.Set("iteratorCgroupId",
		   Napi::BigInt::New(result.Env(),
				     static_cast<uint64_t>(what.iter.cgroup.cgroup_id)));
	result.Set("iteratorOrder", what.iter.cgroup.order);
}

Napi::Value AnyLink::describe(const Info &info)
{
	if (!fd_.valid())
		throw closed("link " + name_);
	bpf_link_info what = {};
	__u32 size = sizeof(what);
	if (bpf_obj_get_info_by_fd(fd_.get(), &what, &size))
		throw refused("describe", "link " + name_, errno);
	// Texts are filled in when there is room for them.
	char text[256] = "";
	if (what.type == BPF_LINK_TYPE_RAW_TRACEPOINT || what.type == BPF_LINK_TYPE_ITER) {
		bool iterator = what.type == BPF_LINK_TYPE_ITER;
		what = {};
		(iterator ? what.iter.target_name : what.raw_tracepoint.tp_name) =
			reinterpret_cast<uintptr_t>(text);
		(iterator ? what.iter.target_name_len : what.raw_tracepoint.tp_name_len) =
			sizeof(text);
		size = sizeof(what);
		if (bpf_obj_get_info_by_fd(fd_.get(), &what, &size))
			throw refused("describe", "link " + name_, errno);
	}

	Napi::Env env = info.Env();
	Napi::Object result = Napi::Object::New(env);
	result.Set("id", what.id);
	result.Set("type", what.type);
	const char *type = libbpf_bpf_link_type_str(static_cast<bpf_link_type>(what.type));
	if (type)
		result.Set("typeName", type);
	result.Set("programId", what.prog_id);
	switch (what.type) {
	case BPF_LINK_TYPE_RAW_TRACEPOINT:
		result.Set("tracepoint", static_cast<const char *>(text));
		break;
	case BPF_LINK_TYPE_TRACING:
		set_attach_type(result, what.tracing.attach_type);
		break;
	case BPF_LINK_TYPE_CGROUP:
		result.Set("cgroupId",
			   Napi::BigInt::New(env, static_cast<uint64_t>(what.cgroup.cgroup_id)));
		set_attach_type(result, what.cgroup.attach_type);
		break;
	case BPF_LINK_TYPE_ITER:
		set_iterator(result, what, text);
		break;
	case BPF_LINK_TYPE_NETNS:
		result.Set("netnsInode", what.netns.netns_ino);
		set_attach_type(result, what.netns.attach_type);
		break;
	default:
		break;
	}
	return result;
}

Napi::Value AnyLink::close(const Info &info)
{
	fd_.close();
	return info.Env().Undefined();
}

} // namespace unum
