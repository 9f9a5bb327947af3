// SPDX-License-Identifier: Apache-2.0
// program.hpp - a loaded BPF program.
#pragma once

#include <linux/bpf.h>

#include <string>

#include "fd.hpp"
#include "handle.hpp"

namespace unum
{

class Program : public Handle<Program>
{
      public:
	static constexpr napi_type_tag type_tag = {0x8c0f6f1d64b14a01, 0x9d1c58c2ad0fe003};
	static constexpr const char *kind = "BpfProgram";
	static Napi::FunctionReference &constructor_of(Addon &addon) { return addon.program; }

	using Handle::Handle;
	static Napi::Function define(Napi::Env env);
	static Program *adopt(Napi::Env env, Fd fd, std::string name);

	int fd() const; // or a failure: closed
	std::string subject() const { return "program " + name_; }

      private:
	friend class Handle<Program>;

	static Napi::Value open_pinned(const Info &info);
	static Napi::Value open_by_id(const Info &info);
	Napi::Value get_info(const Info &info);
	Napi::Value describe(const Info &info);
	Napi::Value test_run(const Info &info);
	Napi::Value test_run_many(const Info &info);
	Napi::Value test_run_live(const Info &info);
	Napi::Value pin(const Info &info);
	Napi::Value close(const Info &info);

	Fd fd_;
	std::string name_ = "(none)";
};

} // namespace unum
