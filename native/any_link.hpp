// SPDX-License-Identifier: Apache-2.0
// any_link.hpp - a BPF link of any type, to be looked at. Link (link.hpp) is the edge's own kind.
#pragma once

#include <linux/bpf.h>

#include <string>

#include "fd.hpp"
#include "handle.hpp"

namespace unum
{

class AnyLink : public Handle<AnyLink>
{
      public:
	static constexpr napi_type_tag type_tag = {0x8c0f6f1d64b14a01, 0x9d1c58c2ad0fe008};
	static constexpr const char *kind = "BpfLink";
	static Napi::FunctionReference &constructor_of(Addon &addon) { return addon.any_link; }

	using Handle::Handle;
	static Napi::Function define(Napi::Env env);

      private:
	friend class Handle<AnyLink>;

	static Napi::Value open_pinned(const Info &info);
	static Napi::Value open_by_id(const Info &info);
	Napi::Value describe(const Info &info);
	Napi::Value close(const Info &info);

	Fd fd_;
	std::string name_ = "(none)";
};

} // namespace unum
