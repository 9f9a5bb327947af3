// SPDX-License-Identifier: Apache-2.0
// addon.cc - what the addon exports.
#include "addon.hpp"

#include "any_link.hpp"
#include "bfd_socket.hpp"
#include "bucket_table_handle.hpp"
#include "error.hpp"
#include "ethtool.hpp"
#include "inspect.hpp"
#include "libbpf_log.hpp"
#include "link.hpp"
#include "map.hpp"
#include "mapped_array.hpp"
#include "netlink.hpp"
#include "netlink_watch.hpp"
#include "object.hpp"
#include "program.hpp"
#include "slot_difference.hpp"
#include "system.hpp"

namespace unum
{

template <class Class> static void export_class(Napi::Env env, Napi::Object exports)
{
	Napi::Function constructor = Class::define(env);
	Class::constructor_of(Addon::of(env)) = Napi::Persistent(constructor);
	exports.Set(Class::kind, constructor);
}

static Napi::Object init(Napi::Env env, Napi::Object exports)
{
	silence_libbpf();
	env.SetInstanceData(new Addon());
	export_class<Object>(env, exports);
	export_class<Map>(env, exports);
	export_class<Program>(env, exports);
	export_class<Link>(env, exports);
	export_class<AnyLink>(env, exports);
	export_class<MappedArray>(env, exports);
	export_class<BucketTableHandle>(env, exports);
	export_class<DirectoryLock>(env, exports);
	export_class<NetlinkWatch>(env, exports);
	export_class<Wake>(env, exports);
	export_class<BfdSocket>(env, exports);
	export_system(env, exports);
	export_netlink(env, exports);
	export_inspect(env, exports);
	exports.Set("setErrorFactory", Napi::Function::New(env, set_error_factory));
	exports.Set("slotDifference", Napi::Function::New(env, guarded_function<slot_difference>));
	exports.Set("interfaceFeatures",
		    Napi::Function::New(env, guarded_function<interface_features>));
	exports.Set("xdpLinkId", Napi::Function::New(env, guarded_function<xdp_link_id>));
	exports.Set("favourThread", Napi::Function::New(env, guarded_function<favour_thread>));
	exports.Set("xdpAttached", Napi::Function::New(env, guarded_function<xdp_attached>));
	return exports;
}

} // namespace unum

static Napi::Object start(Napi::Env env, Napi::Object exports)
{
	return unum::init(env, exports);
}

NODE_API_MODULE(unum, start)
