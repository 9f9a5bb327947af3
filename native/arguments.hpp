// SPDX-License-Identifier: Apache-2.0
// arguments.hpp - values from JavaScript, each checked for type, length and range.
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "error.hpp"

namespace unum
{

using Bytes = std::span<const uint8_t>;

// A view of a Uint8Array (or Buffer): valid until the call returns, if no JavaScript runs meanwhile.
Bytes bytes_argument(const Napi::Value &value, const char *name);
// The same, of exactly that many bytes.
Bytes bytes_argument(const Napi::Value &value, const char *name, size_t length);

// A whole number from low to high.
uint32_t u32_argument(const Napi::Value &value, const char *name, uint32_t low = 0,
		      uint32_t high = UINT32_MAX);
std::optional<uint32_t> optional_u32_argument(const Napi::Value &value, const char *name,
					      uint32_t low = 0, uint32_t high = UINT32_MAX);
// A bigint from 0 to 2^64 - 1.
uint64_t u64_argument(const Napi::Value &value, const char *name);

// A string without a NUL in it.
std::string string_argument(const Napi::Value &value, const char *name);

Napi::Object object_argument(const Napi::Value &value, const char *name);

// A Uint8Array with a copy of the bytes.
Napi::Uint8Array copy_out(Napi::Env env, const void *data, size_t length);

} // namespace unum
