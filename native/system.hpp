// SPDX-License-Identifier: Apache-2.0
// system.hpp - system calls that Node does not offer.
#pragma once

#include <string>

#include "fd.hpp"
#include "handle.hpp"

namespace unum
{

// An exclusive lock on a directory, for as long as the handle is open.
class DirectoryLock : public Handle<DirectoryLock>
{
      public:
	static constexpr napi_type_tag type_tag = {0x8c0f6f1d64b14a01, 0x9d1c58c2ad0fe007};
	static constexpr const char *kind = "DirectoryLock";
	static Napi::FunctionReference &constructor_of(Addon &addon)
	{
		return addon.directory_lock;
	}

	using Handle::Handle;
	static Napi::Function define(Napi::Env env);

      private:
	friend class Handle<DirectoryLock>;

	static Napi::Value lock(const Info &info);
	Napi::Value close(const Info &info);

	Fd fd_;
};

// Adds gracePeriod, isBpffs, mountBpffs, possibleCpus, setNetworkNamespace, monotonicNs,
// sendDatagram.
void export_system(Napi::Env env, Napi::Object exports);

} // namespace unum
