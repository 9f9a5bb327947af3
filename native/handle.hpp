// SPDX-License-Identifier: Apache-2.0
// handle.hpp - base of the classes that JavaScript sees.
//
// An instance is made by its C++ factory (make()); one that JavaScript makes with `new` has no state
// and answers like a closed one. A type tag guards against an object of another class where one of
// this class is expected. Every method runs in a guard that turns C++ exceptions into errors.
#pragma once

#include <napi.h>

#include <new>

#include "addon.hpp"
#include "error.hpp"

namespace unum
{

// Runs body; whatever it throws becomes a JavaScript error.
template <class Body> Napi::Value guarded(Napi::Env env, Body body)
{
	try {
		return body();
	} catch (const Failure &failure) {
		throw to_js(env, failure);
	} catch (const std::bad_alloc &) {
		throw to_js(env, refused("allocate", "memory", ENOMEM));
	} catch (const Napi::Error &) {
		throw;
	} catch (const std::exception &exception) {
		throw to_js(env, Failure{.code = "INTERNAL",
					 .operation = "run",
					 .subject = "native code",
					 .reason = exception.what()});
	}
}

// A free function in a guard, for exports.
template <Napi::Value (*function)(const Napi::CallbackInfo &)>
Napi::Value guarded_function(const Napi::CallbackInfo &info)
{
	return guarded(info.Env(), [&] { return function(info); });
}

/*
 * Derived gives: type_tag, kind ("map"), constructor_of(Addon &), and what subject() says.
 */
template <class Derived> class Handle : public Napi::ObjectWrap<Derived>
{
      public:
	using Info = Napi::CallbackInfo;
	using Descriptor = Napi::ClassPropertyDescriptor<Derived>;

	explicit Handle(const Info &info) : Napi::ObjectWrap<Derived>(info)
	{
		info.This().template As<Napi::Object>().TypeTag(&Derived::type_tag);
	}

	static Derived *make(Napi::Env env)
	{
		return Derived::Unwrap(Derived::constructor_of(Addon::of(env)).New({}));
	}

	// The instance behind a value, or a failure that names the argument.
	static Derived &from(const Napi::Value &value, const char *name)
	{
		if (!value.IsObject() ||
		    !value.template As<Napi::Object>().CheckTypeTag(&Derived::type_tag))
			throw bad_argument(std::string("argument ") + name,
					   std::string("expected a ") + Derived::kind);
		return *Derived::Unwrap(value.template As<Napi::Object>());
	}

      protected:
	template <Napi::Value (Derived::*method)(const Info &)> Napi::Value guard(const Info &info)
	{
		return guarded(info.Env(),
			       [&] { return (static_cast<Derived *>(this)->*method)(info); });
	}

	template <Napi::Value (Derived::*method)(const Info &)>
	static Descriptor instance_method(const char *name)
	{
		using Callback = Napi::Value (Derived::*)(const Info &);
		return Napi::ObjectWrap<Derived>::InstanceMethod(
			name, static_cast<Callback>(&Handle::template guard<method>));
	}

	template <Napi::Value (*method)(const Info &)>
	static Descriptor static_method(const char *name)
	{
		return Napi::ObjectWrap<Derived>::template StaticMethod<&guarded_function<method>>(
			name);
	}
};

} // namespace unum
