// SPDX-License-Identifier: Apache-2.0
// btf.hpp - type information that the kernel holds.
#pragma once

#include <napi.h>

#include <cstdint>
#include <string>

namespace unum
{

// The raw BTF of that id as a Uint8Array; what names it in errors.
Napi::Uint8Array read_btf(Napi::Env env, uint32_t id, const std::string &what);

} // namespace unum
