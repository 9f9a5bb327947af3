// SPDX-License-Identifier: Apache-2.0
// netlink_attributes.hpp - go through the attributes of a message, lengths checked.
#pragma once

#include <libmnl/libmnl.h>

#include <cstddef>

namespace unum
{

// Calls visit(type, attribute) for each.
template <class Visit> void each_attribute(const nlattr *first, const char *end, Visit visit)
{
	for (const nlattr *a = first;
	     mnl_attr_ok(a, static_cast<int>(end - reinterpret_cast<const char *>(a)));
	     a = mnl_attr_next(a))
		visit(mnl_attr_get_type(a), a);
}

template <class Visit>
void each_attribute_of(const nlmsghdr *message, size_t header_size, Visit visit)
{
	if (mnl_nlmsg_get_payload_len(message) < header_size)
		return;
	each_attribute(
		static_cast<const nlattr *>(mnl_nlmsg_get_payload_offset(message, header_size)),
		static_cast<const char *>(mnl_nlmsg_get_payload_tail(message)), visit);
}

template <class Visit> void each_nested(const nlattr *nest, Visit visit)
{
	const char *data = static_cast<const char *>(mnl_attr_get_payload(nest));
	each_attribute(reinterpret_cast<const nlattr *>(data),
		       data + mnl_attr_get_payload_len(nest), visit);
}

} // namespace unum
