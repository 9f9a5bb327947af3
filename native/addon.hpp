// SPDX-License-Identifier: Apache-2.0
// addon.hpp - what the addon keeps for each JavaScript environment (main thread or worker).
#pragma once

#include <napi.h>

namespace unum
{

struct Addon {
	Napi::FunctionReference error_factory;
	Napi::FunctionReference object, map, program, link, any_link, mapped_array, bucket_table,
		directory_lock, netlink_watch, wake, bfd_socket;

	static Addon &of(Napi::Env env) { return *env.GetInstanceData<Addon>(); }
};

} // namespace unum
