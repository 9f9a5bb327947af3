// SPDX-License-Identifier: Apache-2.0
// inspect.hpp - what the kernel tells of its BPF objects beyond what an edge needs to run.
#pragma once

#include <napi.h>

#include <string>

namespace unum
{

// /proc/self/fdinfo of a descriptor: memlock, frozen and the like, which bpf(2) does not tell.
// Empty where there is no /proc.
std::string fd_text(int fd);

// Which device a map or program was offloaded to, as the fields ifindex, netnsDevice, netnsInode;
// ifindex 0: none.
template <class Description> void set_device(Napi::Object result, const Description &description)
{
	Napi::Env env = result.Env();
	result.Set("ifindex", description.ifindex);
	result.Set("netnsDevice",
		   Napi::BigInt::New(env, static_cast<uint64_t>(description.netns_dev)));
	result.Set("netnsInode",
		   Napi::BigInt::New(env, static_cast<uint64_t>(description.netns_ino)));
}

// Adds nextObjectId, btfById, clocks, programTypeName.
void export_inspect(Napi::Env env, Napi::Object exports);

} // namespace unum
