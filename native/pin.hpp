// SPDX-License-Identifier: Apache-2.0
// pin.hpp - names in a BPF file system.
#pragma once

#include <bpf/bpf.h>

#include <cerrno>
#include <string>

#include "error.hpp"
#include "fd.hpp"

namespace unum
{

// Opens a pin of the given kind: "map", "program" or "link". The kernel refuses the operations of
// one kind on another, so a wrong pin is found at the first use, when the handle asks for its info.
inline Fd open_pin(const std::string &path, const char *kind)
{
	Fd fd(bpf_obj_get(path.c_str()));
	if (fd.valid())
		return fd;
	int error = errno;
	Failure failure =
		refused("open", std::string("pinned ") + kind + " " + path, error, "CAP_BPF");
	// bpf(2) answers EACCES for a file that is on no bpffs.
	if (error == EACCES)
		failure.reason = "it is no pin, or its mode does not allow it";
	throw failure;
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
