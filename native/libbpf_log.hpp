// SPDX-License-Identifier: Apache-2.0
// libbpf_log.hpp - keeps libbpf from printing, and what it would have printed for the error.
#pragma once

#include <string>

namespace unum
{

// While one lives, libbpf's warnings on this thread are collected in it. They do not nest.
class LibbpfLog
{
      public:
	LibbpfLog();
	~LibbpfLog();
	LibbpfLog(const LibbpfLog &) = delete;
	LibbpfLog &operator=(const LibbpfLog &) = delete;

	const std::string &text() const { return text_; }

      private:
	std::string text_;
};

// Takes libbpf's output over, for the whole process. Warnings outside of a LibbpfLog are dropped:
// each of them comes with an error code that becomes an error of ours.
void silence_libbpf();

} // namespace unum
