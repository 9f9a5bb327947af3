// SPDX-License-Identifier: Apache-2.0
#include "libbpf_log.hpp"

#include <bpf/libbpf.h>

#include <cstdarg>
#include <cstdio>

namespace unum
{

static thread_local std::string *current;

static int collect(enum libbpf_print_level level, const char *format, va_list arguments)
{
	if (!current || level != LIBBPF_WARN)
		return 0;
	va_list again;
	va_copy(again, arguments);
	int length = std::vsnprintf(nullptr, 0, format, arguments);
	if (length > 0) {
		size_t end = current->size();
		current->resize(end + length + 1);
		std::vsnprintf(current->data() + end, length + 1, format, again);
		current->resize(end + length);
	}
	va_end(again);
	return length;
}

LibbpfLog::LibbpfLog()
{
	current = &text_;
}

LibbpfLog::~LibbpfLog()
{
	current = nullptr;
}

void silence_libbpf()
{
	libbpf_set_print(collect);
}

} // namespace unum
