// SPDX-License-Identifier: Apache-2.0
#include "link.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/if.h>

#include <cerrno>
#include <optional>

#include "arguments.hpp"
#include "pin.hpp"
#include "program.hpp"

namespace unum
{

static constexpr const char *attach_needs = "CAP_BPF and CAP_NET_ADMIN";

struct Attached {
	std::string mode;
	uint32_t program_id = 0;
	std::string program_name; // empty: not to be learned
};

static std::string interface_text(uint32_t ifindex)
{
	char name[IF_NAMESIZE];
	return ::if_indextoname(ifindex, name) ? std::string("interface ") + name
					       : "interface with index " + std::to_string(ifindex);
}

// The kernel's own answer to an index that nothing has is EINVAL or silence.
static void require_interface(uint32_t ifindex)
{
	char name[IF_NAMESIZE];
	if (::if_indextoname(ifindex, name))
		return;
	Failure failure = refused("find", interface_text(ifindex), errno);
	failure.code = "INTERFACE_MISSING";
	throw failure;
}

static std::string program_name(uint32_t id)
{
	Fd fd(bpf_prog_get_fd_by_id(id));
	bpf_prog_info info = {};
	__u32 size = sizeof(info);
	if (!fd.valid() || bpf_obj_get_info_by_fd(fd.get(), &info, &size))
		return "";
	return info.name;
}

static Attached query_attached(uint32_t ifindex)
{
	require_interface(ifindex);
	LIBBPF_OPTS(bpf_xdp_query_opts, options);
	int error = bpf_xdp_query(static_cast<int>(ifindex), 0, &options);
	if (error)
		throw refused("query", "XDP program of " + interface_text(ifindex), -error);
	Attached attached;
	switch (options.attach_mode) {
	case XDP_ATTACHED_NONE:
		attached.mode = "none";
		return attached;
	case XDP_ATTACHED_DRV:
		attached.mode = "native";
		attached.program_id = options.drv_prog_id;
		break;
	case XDP_ATTACHED_SKB:
		attached.mode = "generic";
		attached.program_id = options.skb_prog_id;
		break;
	case XDP_ATTACHED_HW:
		attached.mode = "offload";
		attached.program_id = options.hw_prog_id;
		break;
	default:
		attached.mode = "multi";
		attached.program_id = options.drv_prog_id ? options.drv_prog_id : options.prog_id;
	}
	// In some answers only the common field is filled in.
	if (!attached.program_id)
		attached.program_id = options.prog_id;
	if (attached.program_id)
		attached.program_name = program_name(attached.program_id);
	return attached;
}

Napi::Function Link::define(Napi::Env env)
{
	return DefineClass(
		env, "XdpLink",
		{static_method<&Link::attach>("attach"),
		 static_method<&Link::open_pinned>("openPinned"),
		 instance_method<&Link::get_info>("info"), instance_method<&Link::update>("update"),
		 instance_method<&Link::detach>("detach"), instance_method<&Link::pin>("pin"),
		 instance_method<&Link::close>("close")});
}

int Link::fd() const
{
	if (!fd_.valid())
		throw closed(subject());
	return fd_.get();
}

static std::string busy_reason(uint32_t ifindex)
{
	Attached attached;
	try {
		attached = query_attached(ifindex);
	} catch (const Failure &) {
		return "";
	}
	if (attached.mode == "none")
		return "";
	std::string text = "program " + std::to_string(attached.program_id);
	if (!attached.program_name.empty())
		text += " (" + attached.program_name + ")";
	return text + " already runs there in " + attached.mode + " mode";
}

Napi::Value Link::attach(const Info &info)
{
	Program &program = Program::from(info[0], "program");
	int program_fd = program.fd();
	uint32_t ifindex = u32_argument(info[1], "ifindex", 1, INT32_MAX);
	std::string mode = string_argument(info[2], "mode");
	if (mode != "native" && mode != "generic")
		throw bad_argument("argument mode", "expected native or generic, got " + mode);

	require_interface(ifindex);
	LIBBPF_OPTS(bpf_link_create_opts, options);
	options.flags = mode == "native" ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
	Fd fd(bpf_link_create(program_fd, static_cast<int>(ifindex), BPF_XDP, &options));
	if (!fd.valid()) {
		int error = errno;
		Failure failure = refused("attach",
					  program.subject() + " to " + interface_text(ifindex) +
						  " in " + mode + " mode",
					  error, attach_needs);
		if (error == EBUSY || error == EEXIST) {
			failure.reason = busy_reason(ifindex);
			failure.code = "FOREIGN_PROGRAM";
		} else if (error == ENODEV) {
			failure.code = "INTERFACE_MISSING";
		} else if (error == EOPNOTSUPP || error == ERANGE || error == EINVAL) {
			failure.code = "INTERFACE_UNFIT";
		}
		throw failure;
	}
	Link *link = make(info.Env());
	link->fd_ = std::move(fd);
	link->name_ = "of " + program.subject() + " to " + interface_text(ifindex);
	return link->Value();
}

Napi::Value Link::open_pinned(const Info &info)
{
	std::string path = string_argument(info[0], "path");
	Fd fd = open_pin(path, "link");
	Link *link = make(info.Env());
	link->fd_ = std::move(fd);
	link->name_ = path;
	bpf_link_info what = link->query();
	if (what.type != BPF_LINK_TYPE_XDP)
		throw Failure{.code = "ARGUMENT_INVALID",
			      .operation = "open",
			      .subject = "pinned link " + path,
			      .reason = "expected an XDP link, found one of type " +
					std::to_string(what.type)};
	return link->Value();
}

bpf_link_info Link::query() const
{
	bpf_link_info info = {};
	__u32 size = sizeof(info);
	if (bpf_obj_get_info_by_fd(fd(), &info, &size))
		throw refused("describe", subject(), errno);
	return info;
}

Napi::Value Link::get_info(const Info &info)
{
	bpf_link_info what = query();
	Napi::Object result = Napi::Object::New(info.Env());
	result.Set("id", what.id);
	result.Set("programId", what.prog_id);
	result.Set("ifindex", what.xdp.ifindex);
	return result;
}

Napi::Value Link::update(const Info &info)
{
	Program &program = Program::from(info[0], "program");
	if (bpf_link_update(fd(), program.fd(), nullptr)) {
		int error = errno;
		Failure failure = refused("update", subject() + " to " + program.subject(), error,
					  attach_needs);
		if (error == ENOLINK)
			failure.reason = "its interface is gone, or it was detached";
		throw failure;
	}
	return info.Env().Undefined();
}

Napi::Value Link::detach(const Info &info)
{
	if (bpf_link_detach(fd()))
		throw refused("detach", subject(), errno, attach_needs);
	return info.Env().Undefined();
}

Napi::Value Link::pin(const Info &info)
{
	std::string path = string_argument(info[0], "path");
	pin_to(fd(), path, subject());
	return info.Env().Undefined();
}

Napi::Value Link::close(const Info &info)
{
	fd_.close();
	return info.Env().Undefined();
}

Napi::Value xdp_attached(const Napi::CallbackInfo &info)
{
	uint32_t ifindex = u32_argument(info[0], "ifindex", 1, INT32_MAX);
	Attached attached = query_attached(ifindex);
	Napi::Object result = Napi::Object::New(info.Env());
	result.Set("mode", attached.mode);
	result.Set("programId", attached.program_id);
	if (!attached.program_name.empty())
		result.Set("programName", attached.program_name);
	return result;
}

Napi::Value xdp_link_id(const Napi::CallbackInfo &info)
{
	uint32_t ifindex = u32_argument(info[0], "ifindex", 1, INT32_MAX);
	uint32_t program = u32_argument(info[1], "programId", 1);
	__u32 id = 0;
	while (bpf_link_get_next_id(id, &id) == 0) {
		Fd fd(bpf_link_get_fd_by_id(id));
		bpf_link_info what = {};
		__u32 size = sizeof(what);
		// A link may be gone by now. Indexes of interfaces recur in other namespaces, those of
		// programs do not.
		if (fd.valid() && bpf_obj_get_info_by_fd(fd.get(), &what, &size) == 0 &&
		    what.type == BPF_LINK_TYPE_XDP && what.xdp.ifindex == ifindex &&
		    what.prog_id == program)
			return Napi::Number::New(info.Env(), id);
	}
	if (errno != ENOENT)
		throw refused("list", "links", errno, "CAP_SYS_ADMIN");
	return info.Env().Undefined();
}

} // namespace unum
