// SPDX-License-Identifier: Apache-2.0
// link.hpp - a program attached to an interface's XDP hook, for as long as the link lives.
#pragma once

#include <linux/bpf.h>

#include <string>

#include "fd.hpp"
#include "handle.hpp"

namespace unum
{

class Link : public Handle<Link>
{
      public:
	static constexpr napi_type_tag type_tag = {0x8c0f6f1d64b14a01, 0x9d1c58c2ad0fe004};
	static constexpr const char *kind = "XdpLink";
	static Napi::FunctionReference &constructor_of(Addon &addon) { return addon.link; }

	using Handle::Handle;
	static Napi::Function define(Napi::Env env);

      private:
	friend class Handle<Link>;

	static Napi::Value attach(const Info &info);
	static Napi::Value open_pinned(const Info &info);
	Napi::Value get_info(const Info &info);
	Napi::Value update(const Info &info);
	Napi::Value detach(const Info &info);
	Napi::Value pin(const Info &info);
	Napi::Value close(const Info &info);

	int fd() const; // or a failure: closed
	bpf_link_info query() const;
	std::string subject() const { return "link " + name_; }

	Fd fd_;
	std::string name_ = "(none)";
};

// xdpAttached(ifindex): what runs at an interface's XDP hook.
Napi::Value xdp_attached(const Napi::CallbackInfo &info);

// xdpLinkId(ifindex, programId): the link that holds a program at an interface's XDP hook, whoever made
// it; undefined where there is none, as for programs that `ip link` attached.
Napi::Value xdp_link_id(const Napi::CallbackInfo &info);

} // namespace unum
