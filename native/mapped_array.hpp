// SPDX-License-Identifier: Apache-2.0
// mapped_array.hpp - elements of an array map, read and written through its mapping.
#pragma once

#include <string>

#include "handle.hpp"
#include "mapping.hpp"

namespace unum
{

class MappedArray : public Handle<MappedArray>
{
      public:
	static constexpr napi_type_tag type_tag = {0x8c0f6f1d64b14a01, 0x9d1c58c2ad0fe005};
	static constexpr const char *kind = "MappedArray";
	static Napi::FunctionReference &constructor_of(Addon &addon) { return addon.mapped_array; }

	using Handle::Handle;
	static Napi::Function define(Napi::Env env);

      private:
	friend class Handle<MappedArray>;

	static Napi::Value map(const Info &info);
	Napi::Value length(const Info &info);
	Napi::Value value_size(const Info &info);
	Napi::Value load(const Info &info);
	Napi::Value load_many(const Info &info);
	Napi::Value store(const Info &info);
	Napi::Value write(const Info &info);
	Napi::Value close(const Info &info);

	std::string subject() const { return "mapped array " + name_; }
	void check_open() const;
	uint64_t *element(const Napi::Value &index) const;
	void copy_element(const uint64_t *from, uint8_t *to) const;

	Mapping mapping_;
	std::string name_ = "(none)";
};

} // namespace unum
