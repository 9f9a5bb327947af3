// SPDX-License-Identifier: Apache-2.0
#include "error.hpp"

#include <cctype>
#include <cstring>

#include "addon.hpp"

namespace unum
{

// include/linux/errno.h: not meant for user space, but bpf(2) returns it.
static constexpr int kernel_enotsupp = 524;

Failure refused(std::string operation, std::string subject, int error, std::string needs)
{
	return Failure{.code = error == EPERM ? "PERMISSION" : "SYSTEM_CALL",
		       .operation = std::move(operation),
		       .subject = std::move(subject),
		       .reason = {},
		       .error = error,
		       .needs = std::move(needs)};
}

Failure bad_argument(std::string subject, std::string reason)
{
	return Failure{.code = "ARGUMENT_INVALID",
		       .operation = "read",
		       .subject = std::move(subject),
		       .reason = std::move(reason)};
}

Failure closed(const std::string &what)
{
	return Failure{.code = "CLOSED",
		       .operation = "use",
		       .subject = what,
		       .reason = "the " + what + " is closed"};
}

std::string errno_name(int error)
{
	if (error == kernel_enotsupp)
		return "ENOTSUPP";
	const char *name = ::strerrorname_np(error);
	return name ? name : "errno " + std::to_string(error);
}

std::string errno_text(int error)
{
	if (error == kernel_enotsupp)
		return "operation not supported by this kernel";
	char buffer[128];
	std::string text = ::strerror_r(error, buffer, sizeof(buffer));
	if (text.size() > 1 && std::islower(static_cast<unsigned char>(text[1])))
		text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
	return text;
}

Napi::Error to_js(Napi::Env env, const Failure &failure)
{
	Addon &addon = Addon::of(env);
	if (addon.error_factory.IsEmpty())
		return Napi::Error::New(env, failure.operation + " " + failure.subject + ": " +
						     failure.reason);
	Napi::Object fields = Napi::Object::New(env);
	fields.Set("code", failure.code);
	fields.Set("operation", failure.operation);
	fields.Set("subject", failure.subject);
	fields.Set("reason", failure.reason);
	fields.Set("errno", failure.error);
	fields.Set("errnoName", failure.error ? errno_name(failure.error) : "");
	fields.Set("errnoText", failure.error ? errno_text(failure.error) : "");
	fields.Set("needs", failure.needs);
	fields.Set("log", failure.log);
	Napi::Value error = addon.error_factory.Call({fields});
	return Napi::Error(env, error);
}

Napi::Value set_error_factory(const Napi::CallbackInfo &info)
{
	if (info.Length() != 1 || !info[0].IsFunction())
		throw Napi::TypeError::New(info.Env(), "set error factory: expected a function");
	Addon::of(info.Env()).error_factory = Napi::Persistent(info[0].As<Napi::Function>());
	return info.Env().Undefined();
}

} // namespace unum
