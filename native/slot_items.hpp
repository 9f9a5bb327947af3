// SPDX-License-Identifier: Apache-2.0
// slot_items.hpp - slots and keys of bucket tables, as JavaScript gives them.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "arguments.hpp"
#include "bucket_table.hpp"

namespace unum
{

// An array of words from JavaScript, copied only where it is not aligned.
template <class Item> struct Items {
	std::vector<Item> copy;
	const Item *data;
	size_t count;

	Items(const Napi::Value &value, const char *name)
	{
		Bytes bytes = bytes_argument(value, name);
		if (bytes.size() % sizeof(Item))
			throw bad_argument(std::string("argument ") + name,
					   "expected a multiple of " +
						   std::to_string(sizeof(Item)) + " bytes, got " +
						   std::to_string(bytes.size()));
		count = bytes.size() / sizeof(Item);
		data = reinterpret_cast<const Item *>(bytes.data());
		if (reinterpret_cast<uintptr_t>(bytes.data()) % alignof(Item)) {
			copy.resize(count);
			std::memcpy(copy.data(), bytes.data(), bytes.size());
			data = copy.data();
		}
	}
};

} // namespace unum
