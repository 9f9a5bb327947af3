// SPDX-License-Identifier: Apache-2.0
// object.hpp - a BPF object file: read without privilege, adjusted, then loaded.
#pragma once

#include <bpf/libbpf.h>

#include <memory>
#include <string>

#include "handle.hpp"

namespace unum
{

class Object : public Handle<Object>
{
      public:
	static constexpr napi_type_tag type_tag = {0x8c0f6f1d64b14a01, 0x9d1c58c2ad0fe001};
	static constexpr const char *kind = "BpfObject";
	static Napi::FunctionReference &constructor_of(Addon &addon) { return addon.object; }

	using Handle::Handle;
	static Napi::Function define(Napi::Env env);

      private:
	friend class Handle<Object>;

	static Napi::Value open(const Info &info);
	Napi::Value maps(const Info &info);
	Napi::Value programs(const Info &info);
	Napi::Value btf(const Info &info);
	Napi::Value read_only_data(const Info &info);
	Napi::Value set_read_only_data(const Info &info);
	Napi::Value set_max_entries(const Info &info);
	Napi::Value reuse_map(const Info &info);
	Napi::Value load(const Info &info);
	Napi::Value map(const Info &info);
	Napi::Value program(const Info &info);
	Napi::Value close(const Info &info);

	std::string subject() const { return "object " + path_; }
	bpf_object *opened() const;                        // or fails: closed
	bpf_object *unloaded(const char *operation) const; // or fails: already loaded
	bpf_object *loaded(const char *operation) const;   // or fails: not loaded yet
	bpf_map *find_map(const std::string &name) const;
	bpf_map *find_read_only_data() const;

	struct Close {
		void operator()(bpf_object *object) const { bpf_object__close(object); }
	};
	std::unique_ptr<bpf_object, Close> object_;
	std::string path_ = "(none)";
	bool loaded_ = false;
	bool spoilt_ = false; // a load failed: libbpf cannot load it again
};

// Name of a map as the source has it; of one that the compiler made, its section: ".rodata".
std::string name_of(const bpf_map *map);

} // namespace unum
