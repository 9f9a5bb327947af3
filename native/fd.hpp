// SPDX-License-Identifier: Apache-2.0
// fd.hpp - a file descriptor with one owner.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace unum
{

class Fd
{
      public:
	Fd() = default;
	explicit Fd(int fd) : fd_(fd) {}
	Fd(Fd &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
	Fd &operator=(Fd &&other) noexcept
	{
		if (this != &other) {
			close();
			fd_ = std::exchange(other.fd_, -1);
		}
		return *this;
	}
	Fd(const Fd &) = delete;
	Fd &operator=(const Fd &) = delete;
	~Fd() { close(); }

	// A descriptor of its own for what another one refers to; invalid, with errno set, on failure.
	static Fd duplicate(int fd) { return Fd(::fcntl(fd, F_DUPFD_CLOEXEC, 3)); }

	int get() const { return fd_; }
	bool valid() const { return fd_ >= 0; }

	void close()
	{
		if (fd_ >= 0)
			::close(std::exchange(fd_, -1));
	}

      private:
	int fd_ = -1;
};

} // namespace unum
