// SPDX-License-Identifier: Apache-2.0
// netlink_watch.hpp - tells JavaScript that links, addresses, routes or neighbours changed.
//
// A thread waits for rtnetlink's notices and passes on of what kind they were, several together when
// they come together. What changed is for the listener to ask: notices can be lost, and then all
// kinds are told.
#pragma once

#include <memory>
#include <thread>

#include "fd.hpp"
#include "handle.hpp"

namespace unum
{

class NetlinkWatch : public Handle<NetlinkWatch>
{
      public:
	static constexpr napi_type_tag type_tag = {0x51f3a1a2d54c4f0b, 0x8bb0c7f0a6e1d27c};
	static constexpr const char *kind = "NetlinkWatch";
	static Napi::FunctionReference &constructor_of(Addon &addon) { return addon.netlink_watch; }

	using Handle::Handle;
	~NetlinkWatch() override;
	static Napi::Function define(Napi::Env env);

      private:
	friend class Handle<NetlinkWatch>;

	static Napi::Value open(const Info &info);
	Napi::Value close(const Info &info);
	void stop();

	struct Shared;
	std::shared_ptr<Shared> shared_;
	std::thread thread_;
};

} // namespace unum
