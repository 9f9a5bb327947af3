// SPDX-License-Identifier: Apache-2.0
// map.hpp - a BPF map.
#pragma once

#include <linux/bpf.h>

#include <string>

#include "arguments.hpp"
#include "fd.hpp"
#include "handle.hpp"

namespace unum
{

class Map : public Handle<Map>
{
      public:
	static constexpr napi_type_tag type_tag = {0x8c0f6f1d64b14a01, 0x9d1c58c2ad0fe002};
	static constexpr const char *kind = "BpfMap";
	static Napi::FunctionReference &constructor_of(Addon &addon) { return addon.map; }

	using Handle::Handle;
	static Napi::Function define(Napi::Env env);

	// A handle for a descriptor; without a name it takes the kernel's, cut to 15 characters.
	static Map *adopt(Napi::Env env, Fd fd, std::string name = {});

	// The descriptor, or a failure if the handle is closed.
	int fd() const;
	const std::string &name() const { return name_; }
	std::string subject() const { return "map " + name_; }
	// What the kernel says of it now.
	bpf_map_info query() const;

      private:
	friend class Handle<Map>;

	static Napi::Value open_pinned(const Info &info);
	static Napi::Value open_by_id(const Info &info);
	Napi::Value get_info(const Info &info);
	Napi::Value describe(const Info &info);
	Napi::Value btf(const Info &info);
	Napi::Value lookup(const Info &info);
	Napi::Value update(const Info &info);
	Napi::Value remove(const Info &info);
	Napi::Value keys(const Info &info);
	Napi::Value entries(const Info &info);
	Napi::Value next_key(const Info &info);
	Napi::Value walk(const Info &info);
	Napi::Value read_array(const Info &info);
	Napi::Value pin(const Info &info);
	Napi::Value close(const Info &info);

	void write_failed(int error, const char *operation) const;

	Fd fd_;
	std::string name_ = "(none)";
	// Fixed for the life of a map.
	bpf_map_info info_ = {};
	size_t value_bytes_ = 0; // of a lookup: all possible CPUs' values where it is per CPU
};

// Possible CPUs, of which a per-CPU map has a value each.
uint32_t possible_cpus();

} // namespace unum
