// SPDX-License-Identifier: Apache-2.0
// error.hpp - what went wrong, as data.
//
// C++ throws a Failure; the guard around every method (handle.hpp) hands its fields to the error
// factory that JavaScript registered, so that messages and remedies are made in one place
// (src/bpf/bpf-error.ts).
#pragma once

#include <napi.h>

#include <string>

namespace unum
{

struct Failure {
	const char *code;      // of the catalogue in src/errors.ts
	std::string operation; // "update"
	std::string subject;   // "map vms4"
	std::string reason; // text of the cause; the errno's own text is added where there is one
	int error = 0;      // positive errno, 0: none
	std::string needs = {}; // capabilities that the operation needs
	std::string log = {};   // what libbpf and the verifier said
};

// The kernel refused: error is a positive errno.
Failure refused(std::string operation, std::string subject, int error, std::string needs = "");

// A value from JavaScript is of the wrong type, length or range.
Failure bad_argument(std::string subject, std::string reason);

// The handle was closed.
Failure closed(const std::string &what);

// "EPERM"; kernel-internal numbers that leak out are known too.
std::string errno_name(int error);

// "operation not permitted"
std::string errno_text(int error);

Napi::Error to_js(Napi::Env env, const Failure &failure);

// Sets the function that makes an error of a failure's fields.
Napi::Value set_error_factory(const Napi::CallbackInfo &info);

} // namespace unum
