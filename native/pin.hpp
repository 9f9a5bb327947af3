// SPDX-License-Identifier: Apache-2.0
// pin.hpp - names in a BPF file system.
#pragma once

#include <bpf/bpf.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "error.hpp"
#include "fd.hpp"

namespace unum
{

// "map", "program" or "link", as /proc names what a descriptor refers to.
inline std::string kind_of(const Fd &fd)
{
	char target[64] = "";
	std::string path = "/proc/self/fd/" + std::to_string(fd.get());
	ssize_t length = ::readlink(path.c_str(), target, sizeof(target) - 1);
	std::string text(target, length > 0 ? static_cast<size_t>(length) : 0);
	for (auto [mark, kind] : {std::pair{"bpf-map", "map"}, std::pair{"bpf-prog", "program"},
				  std::pair{"bpf_link", "link"}, std::pair{"bpf-link", "link"}}) {
		if (text.find(mark) != std::string::npos)
			return kind;
	}
	return "something else";
}

// Opens a pin of the given kind. What the kernel tells of a descriptor has another form for each
// kind, so another one must not pass.
inline Fd open_pin(const std::string &path, const std::string &kind)
{
	std::string subject = "pinned " + kind + " " + path;
	Fd fd(bpf_obj_get(path.c_str()));
	if (!fd.valid()) {
		int error = errno;
		Failure failure = refused("open", subject, error, "CAP_BPF");
		// bpf(2) answers EACCES, too, for a file that is on no bpffs.
		if (error == EACCES)
			failure.reason = "it is no pin, or its mode does not allow it";
		throw failure;
	}
	std::string is = kind_of(fd);
	if (is != kind)
		throw Failure{.code = "ARGUMENT_INVALID",
			      .operation = "open",
			      .subject = subject,
			      .reason = is == "something else" ? "it is " + is : "it is a " + is};
	return fd;
}

inline void pin_to(int fd, const std::string &path, const std::string &subject)
{
	if (!bpf_obj_pin(fd, path.c_str()))
		return;
	int error = errno;
	Failure failure = refused("pin", subject + " to " + path, error, "CAP_BPF");
	if (error == EEXIST)
		failure.reason = "something is pinned there already";
	throw failure;
}

} // namespace unum
