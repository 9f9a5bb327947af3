// SPDX-License-Identifier: Apache-2.0
#include "system.hpp"

#include <linux/magic.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <ctime>

#include "arguments.hpp"
#include "grace.hpp"
#include "map.hpp"

namespace unum
{

static uint64_t monotonic_ns()
{
	timespec now;
	::clock_gettime(CLOCK_MONOTONIC, &now);
	return static_cast<uint64_t>(now.tv_sec) * 1000000000 + static_cast<uint64_t>(now.tv_nsec);
}

// ---- directory lock --------------------------------------------------------------------------

Napi::Function DirectoryLock::define(Napi::Env env)
{
	return DefineClass(env, "DirectoryLock",
			   {static_method<&DirectoryLock::lock>("lock"),
			    instance_method<&DirectoryLock::close>("close")});
}

// lock(path, waitMs)
Napi::Value DirectoryLock::lock(const Info &info)
{
	std::string path = string_argument(info[0], "path");
	uint32_t wait_ms = u32_argument(info[1], "waitMs", 0, 3600 * 1000);
	Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
	if (!fd.valid())
		throw refused("open", "directory " + path, errno);

	uint64_t until = monotonic_ns() + uint64_t{wait_ms} * 1000000;
	while (::flock(fd.get(), LOCK_EX | LOCK_NB)) {
		int error = errno;
		if (error == EINTR)
			continue;
		uint64_t now = monotonic_ns();
		if (error == EWOULDBLOCK && now < until) {
			timespec pause{0,
				       static_cast<long>(std::min<uint64_t>(until - now, 5000000))};
			::nanosleep(&pause, nullptr);
			continue;
		}
		Failure failure = refused("lock", "directory " + path, error);
		if (error == EWOULDBLOCK)
			failure.code = "LOCKED";
		throw failure;
	}
	DirectoryLock *lock = make(info.Env());
	lock->fd_ = std::move(fd);
	return lock->Value();
}

Napi::Value DirectoryLock::close(const Info &info)
{
	fd_.close();
	return info.Env().Undefined();
}

// ---- functions -------------------------------------------------------------------------------

// gracePeriod(method)
static Napi::Value wait_grace_period(const Napi::CallbackInfo &info)
{
	std::string method = string_argument(info[0], "method");
	if (method == "membarrier")
		grace_period(GraceMethod::membarrier);
	else if (method == "map")
		grace_period(GraceMethod::map);
	else if (method == "automatic")
		grace_period();
	else
		throw bad_argument("argument method",
				   "expected automatic, membarrier or map, got " + method);
	return info.Env().Undefined();
}

static Napi::Value is_bpffs(const Napi::CallbackInfo &info)
{
	std::string path = string_argument(info[0], "path");
	struct statfs about;
	if (::statfs(path.c_str(), &about))
		throw refused("examine", "file system of " + path, errno);
	bool is = static_cast<unsigned long>(about.f_type) == BPF_FS_MAGIC;
	return Napi::Boolean::New(info.Env(), is);
}

static Napi::Value mount_bpffs(const Napi::CallbackInfo &info)
{
	std::string path = string_argument(info[0], "path");
	if (::mount("bpf", path.c_str(), "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
		throw refused("mount", "a BPF file system on " + path, errno, "CAP_SYS_ADMIN");
	return info.Env().Undefined();
}

static Napi::Value get_possible_cpus(const Napi::CallbackInfo &info)
{
	return Napi::Number::New(info.Env(), possible_cpus());
}

// Of the calling thread alone; for JavaScript's main thread, what the process opens from then on.
static Napi::Value set_network_namespace(const Napi::CallbackInfo &info)
{
	std::string path = string_argument(info[0], "path");
	Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
	if (!fd.valid())
		throw refused("open", "network namespace " + path, errno);
	if (::setns(fd.get(), CLONE_NEWNET))
		throw refused("enter", "network namespace " + path, errno, "CAP_SYS_ADMIN");
	return info.Env().Undefined();
}

static Napi::Value get_monotonic_ns(const Napi::CallbackInfo &info)
{
	return Napi::BigInt::New(info.Env(), monotonic_ns());
}

// sendDatagram(path, bytes): to a unix socket. A path that begins with @ is in the abstract namespace
// (unix(7)), whose names are as long as they are, without a NUL at their end.
static Napi::Value send_datagram(const Napi::CallbackInfo &info)
{
	std::string path = string_argument(info[0], "path");
	Bytes bytes = bytes_argument(info[1], "bytes");
	sockaddr_un to = {};
	to.sun_family = AF_UNIX;
	if (path.empty() || path.size() >= sizeof(to.sun_path))
		throw bad_argument("argument path",
				   "expected 1 to " + std::to_string(sizeof(to.sun_path) - 1) +
					   " bytes, got " + std::to_string(path.size()));
	std::memcpy(to.sun_path, path.data(), path.size());
	bool abstract = path[0] == '@';
	if (abstract)
		to.sun_path[0] = '\0';
	socklen_t length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() +
						  (abstract ? 0 : 1));

	// A receiver that does not read must not hold this thread.
	Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	if (!fd.valid())
		throw refused("open a socket for", path, errno);
	ssize_t sent;
	do {
		sent = ::sendto(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL,
				reinterpret_cast<sockaddr *>(&to), length);
	} while (sent < 0 && errno == EINTR);
	if (sent < 0)
		throw refused("send to", "socket " + path, errno);
	return info.Env().Undefined();
}

void export_system(Napi::Env env, Napi::Object exports)
{
	auto add = [&](const char *name, auto function) {
		exports.Set(name, Napi::Function::New(env, function, name));
	};
	add("gracePeriod", guarded_function<wait_grace_period>);
	add("isBpffs", guarded_function<is_bpffs>);
	add("mountBpffs", guarded_function<mount_bpffs>);
	add("possibleCpus", guarded_function<get_possible_cpus>);
	add("setNetworkNamespace", guarded_function<set_network_namespace>);
	add("monotonicNs", guarded_function<get_monotonic_ns>);
	add("sendDatagram", guarded_function<send_datagram>);
}

} // namespace unum
