// SPDX-License-Identifier: Apache-2.0
#include "btf.hpp"

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <cerrno>

#include "error.hpp"
#include "fd.hpp"

namespace unum
{

Napi::Uint8Array read_btf(Napi::Env env, uint32_t id, const std::string &what)
{
	Fd btf(bpf_btf_get_fd_by_id(id));
	if (!btf.valid())
		throw refused("open", what, errno, "CAP_SYS_ADMIN");
	bpf_btf_info described = {};
	__u32 size = sizeof(described);
	// The first call tells how long it is.
	if (bpf_obj_get_info_by_fd(btf.get(), &described, &size))
		throw refused("read", what, errno);
	auto bytes = Napi::Uint8Array::New(env, described.btf_size);
	__u32 length = described.btf_size;
	described = {};
	described.btf = reinterpret_cast<uintptr_t>(bytes.Data());
	described.btf_size = length;
	size = sizeof(described);
	if (bpf_obj_get_info_by_fd(btf.get(), &described, &size))
		throw refused("read", what, errno);
	return bytes;
}

} // namespace unum
