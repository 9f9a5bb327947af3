// SPDX-License-Identifier: Apache-2.0
// bucket_table_handle.hpp - a bucket table over an array map, as JavaScript sees it.
#pragma once

#include <memory>
#include <string>
#include <variant>

#include "bucket_table.hpp"
#include "handle.hpp"
#include "mapping.hpp"

namespace unum
{

class BucketTableHandle : public Handle<BucketTableHandle>
{
      public:
	static constexpr napi_type_tag type_tag = {0x8c0f6f1d64b14a01, 0x9d1c58c2ad0fe006};
	static constexpr const char *kind = "BucketTable";
	static Napi::FunctionReference &constructor_of(Addon &addon) { return addon.bucket_table; }

	using Handle::Handle;
	static Napi::Function define(Napi::Env env);

      private:
	friend class Handle<BucketTableHandle>;

	static Napi::Value open(const Info &info);
	Napi::Value stats(const Info &info);
	Napi::Value get(const Info &info);
	Napi::Value entries(const Info &info);
	Napi::Value change_all(const Info &info);
	Napi::Value collect(const Info &info);
	Napi::Value close(const Info &info);

	// visit(table) with the table of its shape; or a failure: closed.
	template <class Visit> auto with_table(Visit visit) const;

	// The mappings are gone after the table that uses them.
	Mapping buckets_, moves_;
	std::variant<std::monostate, std::unique_ptr<BucketTable<1>>,
		     std::unique_ptr<BucketTable<3>>>
		table_;
	std::string name_ = "(none)";
};

} // namespace unum
