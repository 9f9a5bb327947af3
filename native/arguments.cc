// SPDX-License-Identifier: Apache-2.0
#include "arguments.hpp"

#include <cmath>
#include <cstring>

namespace unum
{

static std::string type_name(const Napi::Value &value)
{
	switch (value.Type()) {
	case napi_undefined:
		return "undefined";
	case napi_null:
		return "null";
	case napi_boolean:
		return "a boolean";
	case napi_number:
		return "a number";
	case napi_string:
		return "a string";
	case napi_bigint:
		return "a bigint";
	case napi_function:
		return "a function";
	case napi_symbol:
		return "a symbol";
	default:
		return "another object";
	}
}

static Failure wrong(const char *name, const std::string &expected, const std::string &got)
{
	return bad_argument(std::string("argument ") + name,
			    "expected " + expected + ", got " + got);
}

Bytes bytes_argument(const Napi::Value &value, const char *name)
{
	if (!value.IsTypedArray() ||
	    value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
		throw wrong(name, "a Uint8Array", type_name(value));
	auto array = value.As<Napi::Uint8Array>();
	// A detached buffer has length 0 and no data.
	return Bytes(array.Data(), array.ByteLength());
}

Bytes bytes_argument(const Napi::Value &value, const char *name, size_t length)
{
	Bytes bytes = bytes_argument(value, name);
	if (bytes.size() != length)
		throw wrong(name, std::to_string(length) + " bytes",
			    std::to_string(bytes.size()) + " bytes");
	return bytes;
}

uint32_t u32_argument(const Napi::Value &value, const char *name, uint32_t low, uint32_t high)
{
	std::string expected =
		"a whole number from " + std::to_string(low) + " to " + std::to_string(high);
	if (!value.IsNumber())
		throw wrong(name, expected, type_name(value));
	double number = value.As<Napi::Number>().DoubleValue();
	// Written so that NaN fails, too.
	if (!(number >= low && number <= high) || number != std::floor(number))
		throw wrong(name, expected, std::string(value.ToString()));
	return static_cast<uint32_t>(number);
}

std::optional<uint32_t> optional_u32_argument(const Napi::Value &value, const char *name,
					      uint32_t low, uint32_t high)
{
	if (value.IsUndefined())
		return std::nullopt;
	return u32_argument(value, name, low, high);
}

uint64_t u64_argument(const Napi::Value &value, const char *name)
{
	bool lossless = false;
	if (!value.IsBigInt())
		throw wrong(name, "a bigint", type_name(value));
	uint64_t number = value.As<Napi::BigInt>().Uint64Value(&lossless);
	if (!lossless)
		throw wrong(name, "a bigint from 0 to 2^64 - 1", std::string(value.ToString()));
	return number;
}

std::string string_argument(const Napi::Value &value, const char *name)
{
	if (!value.IsString())
		throw wrong(name, "a string", type_name(value));
	std::string text = value.As<Napi::String>();
	if (text.empty() || text.find('\0') != std::string::npos)
		throw wrong(name, "a text without NUL characters",
			    text.empty() ? "an empty one" : "one");
	return text;
}

Napi::Object object_argument(const Napi::Value &value, const char *name)
{
	if (!value.IsObject() || value.IsTypedArray() || value.IsFunction())
		throw wrong(name, "an object", type_name(value));
	return value.As<Napi::Object>();
}

Napi::Uint8Array copy_out(Napi::Env env, const void *data, size_t length)
{
	auto array = Napi::Uint8Array::New(env, length);
	if (length > 0)
		std::memcpy(array.Data(), data, length);
	return array;
}

} // namespace unum
