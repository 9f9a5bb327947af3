// SPDX-License-Identifier: Apache-2.0
#include "object.hpp"

#include <unistd.h>

#include <csignal>
#include <cerrno>
#include <cstring>
#include <vector>

#include "arguments.hpp"
#include "libbpf_log.hpp"
#include "map.hpp"
#include "program.hpp"

namespace unum
{

static constexpr const char *load_needs = "CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON";

static std::string without_newline(std::string text)
{
	while (!text.empty() && text.back() == '\n')
		text.pop_back();
	return text;
}

Napi::Function Object::define(Napi::Env env)
{
	return DefineClass(
		env, "BpfObject",
		{static_method<&Object::open>("open"), instance_method<&Object::maps>("maps"),
		 instance_method<&Object::programs>("programs"),
		 instance_method<&Object::btf>("btf"),
		 instance_method<&Object::read_only_data>("readOnlyData"),
		 instance_method<&Object::set_read_only_data>("setReadOnlyData"),
		 instance_method<&Object::set_max_entries>("setMaxEntries"),
		 instance_method<&Object::reuse_map>("reuseMap"),
		 instance_method<&Object::load>("load"), instance_method<&Object::map>("map"),
		 instance_method<&Object::program>("program"),
		 instance_method<&Object::close>("close")});
}

bpf_object *Object::opened() const
{
	if (!object_)
		throw closed(subject());
	return object_.get();
}

bpf_object *Object::unloaded(const char *operation) const
{
	bpf_object *object = opened();
	if (loaded_ || spoilt_)
		throw Failure{.code = "ARGUMENT_INVALID",
			      .operation = operation,
			      .subject = subject(),
			      .reason = loaded_ ? "it is already loaded"
						: "an earlier load of it failed; open it again"};
	return object;
}

bpf_object *Object::loaded(const char *operation) const
{
	bpf_object *object = opened();
	if (!loaded_)
		throw Failure{.code = "ARGUMENT_INVALID",
			      .operation = operation,
			      .subject = subject(),
			      .reason = "it is not loaded yet"};
	return object;
}

bpf_map *Object::find_map(const std::string &name) const
{
	bpf_map *map = bpf_object__find_map_by_name(opened(), name.c_str());
	if (map)
		return map;
	std::string known;
	bpf_object__for_each_map(map, object_.get()) known +=
		(known.empty() ? "" : ", ") + std::string(bpf_map__name(map));
	throw Failure{.code = "ARGUMENT_INVALID",
		      .operation = "find",
		      .subject = "map " + name,
		      .reason = subject() + " has only: " + (known.empty() ? "none" : known)};
}

bpf_map *Object::find_read_only_data() const
{
	bpf_map *map;
	bpf_object__for_each_map(map, opened())
	{
		if (name_of(map) == ".rodata")
			return map;
	}
	throw Failure{.code = "ARGUMENT_INVALID",
		      .operation = "find",
		      .subject = "read-only data of " + subject(),
		      .reason = "it has no .rodata section"};
}

Napi::Value Object::open(const Info &info)
{
	std::string path = string_argument(info[0], "path");
	LibbpfLog log;
	errno = 0;
	bpf_object *object = bpf_object__open_file(path.c_str(), nullptr);
	if (!object) {
		Failure failure = refused("open", "object " + path, errno ? errno : EINVAL);
		// libbpf's own numbers, of libbpf/libbpf_legacy.h, have no text in libc.
		if (failure.error >= 4000) {
			failure.reason = "it is no BPF object";
			failure.error = ENOEXEC;
		}
		failure.log = without_newline(log.text());
		throw failure;
	}
	Object *handle = make(info.Env());
	handle->object_.reset(object);
	handle->path_ = path;
	return handle->Value();
}

Napi::Value Object::read_only_data(const Info &info)
{
	size_t size = 0;
	const void *data = bpf_map__initial_value(find_read_only_data(), &size);
	return copy_out(info.Env(), data, data ? size : 0);
}

Napi::Value Object::set_read_only_data(const Info &info)
{
	unloaded("set read-only data of");
	bpf_map *map = find_read_only_data();
	size_t size = 0;
	bpf_map__initial_value(map, &size);
	Bytes bytes = bytes_argument(info[0], "bytes", size);
	int error = bpf_map__set_initial_value(map, bytes.data(), bytes.size());
	if (error)
		throw refused("set read-only data of", subject(), -error);
	return info.Env().Undefined();
}

Napi::Value Object::set_max_entries(const Info &info)
{
	unloaded("resize a map of");
	std::string name = string_argument(info[0], "map");
	uint32_t entries = u32_argument(info[1], "maxEntries", 1);
	int error = bpf_map__set_max_entries(find_map(name), entries);
	if (error)
		throw refused("resize", "map " + name, -error);
	return info.Env().Undefined();
}

static std::string difference(const char *what, uint32_t is, uint32_t wanted)
{
	return std::string(what) + " " + std::to_string(is) + " instead of " +
	       std::to_string(wanted);
}

static std::string type_text(uint32_t type)
{
	const char *name = libbpf_bpf_map_type_str(static_cast<bpf_map_type>(type));
	return name ? name : "number " + std::to_string(type);
}

Napi::Value Object::reuse_map(const Info &info)
{
	unloaded("reuse a map for");
	std::string name = string_argument(info[0], "name");
	Map &other = Map::from(info[1], "map");
	bpf_map *map = find_map(name);
	bpf_map_info is = other.query();

	std::vector<std::string> differences;
	if (is.type != bpf_map__type(map))
		differences.push_back("type " + type_text(is.type) + " instead of " +
				      type_text(bpf_map__type(map)));
	if (is.key_size != bpf_map__key_size(map))
		differences.push_back(difference("key size", is.key_size, bpf_map__key_size(map)));
	if (is.value_size != bpf_map__value_size(map))
		differences.push_back(
			difference("value size", is.value_size, bpf_map__value_size(map)));
	if (is.max_entries != bpf_map__max_entries(map))
		differences.push_back(
			difference("max entries", is.max_entries, bpf_map__max_entries(map)));
	uint32_t flags = is.map_flags;
	// The kernel adds it to every devmap by itself (dev_map_init_map in kernel/bpf/devmap.c).
	if (is.type == BPF_MAP_TYPE_DEVMAP || is.type == BPF_MAP_TYPE_DEVMAP_HASH)
		flags &= ~uint32_t{BPF_F_RDONLY_PROG};
	if (flags != bpf_map__map_flags(map))
		differences.push_back(difference("flags", flags, bpf_map__map_flags(map)));
	if (!differences.empty()) {
		std::string reason = "the existing one has ";
		for (size_t i = 0; i < differences.size(); i++)
			reason += (i ? ", " : "") + differences[i];
		throw Failure{.code = "MAP_INCOMPATIBLE",
			      .operation = "reuse",
			      .subject = "map " + name,
			      .reason = reason};
	}
	LibbpfLog log;
	int error = bpf_map__reuse_fd(map, other.fd());
	if (error) {
		Failure failure = refused("reuse", "map " + name, -error, load_needs);
		failure.log = without_newline(log.text());
		throw failure;
	}
	return info.Env().Undefined();
}

/*
 * The verifier gives up with EAGAIN when a signal is pending, and libbpf tries only a few times: a
 * profiler's timer would keep a program from ever being loaded.
 */
class SignalsHeld
{
      public:
	SignalsHeld()
	{
		sigset_t all;
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &before_);
	}
	~SignalsHeld() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
	SignalsHeld(const SignalsHeld &) = delete;
	SignalsHeld &operator=(const SignalsHeld &) = delete;

      private:
	sigset_t before_;
};

Napi::Value Object::load(const Info &info)
{
	bpf_object *object = unloaded("load");
	LibbpfLog log;
	int error = [&] {
		SignalsHeld held;
		return bpf_object__load(object);
	}();
	if (error) {
		spoilt_ = true;
		Failure failure = refused("load", subject(), -error, load_needs);
		failure.log = without_newline(log.text());
		if (failure.log.find("-- BEGIN PROG LOAD LOG --") != std::string::npos)
			failure.code = "VERIFIER";
		throw failure;
	}
	loaded_ = true;
	return info.Env().Undefined();
}

Napi::Value Object::map(const Info &info)
{
	std::string name = string_argument(info[0], "name");
	loaded("take a map from");
	Fd fd = Fd::duplicate(bpf_map__fd(find_map(name)));
	if (!fd.valid())
		throw refused("open", "map " + name, errno);
	return Map::adopt(info.Env(), std::move(fd), name)->Value();
}

Napi::Value Object::program(const Info &info)
{
	std::string name = string_argument(info[0], "name");
	bpf_object *object = loaded("take a program from");
	bpf_program *program = bpf_object__find_program_by_name(object, name.c_str());
	if (!program) {
		std::string known;
		bpf_object__for_each_program(program, object) known +=
			(known.empty() ? "" : ", ") + std::string(bpf_program__name(program));
		throw Failure{.code = "ARGUMENT_INVALID",
			      .operation = "find",
			      .subject = "program " + name,
			      .reason = subject() + " has only: " + known};
	}
	Fd fd = Fd::duplicate(bpf_program__fd(program));
	if (!fd.valid())
		throw refused("open", "program " + name, errno);
	return Program::adopt(info.Env(), std::move(fd), name)->Value();
}

Napi::Value Object::close(const Info &info)
{
	object_.reset();
	return info.Env().Undefined();
}

} // namespace unum
