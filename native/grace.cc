// SPDX-License-Identifier: Apache-2.0
#include "grace.hpp"

#include <bpf/bpf.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string>

#include "error.hpp"
#include "fd.hpp"

namespace unum
{

// Grace periods of this process: the number of the last that began, and of the last that began among
// those that ended.
static std::atomic<uint64_t> begun, ended;

uint64_t grace_moment()
{
	return begun.load();
}

bool grace_passed(uint64_t moment)
{
	return ended.load() > moment;
}

/*
 * The kernel calls synchronize_rcu() for MEMBARRIER_CMD_GLOBAL only if more than one CPU is online.
 * On one CPU a preemptible kernel could still run us in the middle of a program.
 */
static int by_membarrier()
{
	if (::sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return EINVAL;
	if (::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0)
		return 0;
	return errno;
}

// maybe_wait_bpf_programs() in kernel/bpf/syscall.c: after a map of maps was changed, the kernel
// waits for all programs that may still use the old inner map.
static int by_map()
{
	LIBBPF_OPTS(bpf_map_create_opts, options);
	Fd inner(bpf_map_create(BPF_MAP_TYPE_ARRAY, "grace_inner", 4, 4, 1, nullptr));
	if (!inner.valid())
		return errno;
	options.inner_map_fd = static_cast<__u32>(inner.get());
	Fd outer(bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "grace_outer", 4, 4, 1, &options));
	if (!outer.valid())
		return errno;
	__u32 key = 0, value = static_cast<__u32>(inner.get());
	return bpf_map_update_elem(outer.get(), &key, &value, BPF_ANY) ? errno : 0;
}

void grace_period(GraceMethod method)
{
	uint64_t number = begun.fetch_add(1) + 1;
	int error = method == GraceMethod::map ? by_map() : by_membarrier();
	// EINVAL: nohz_full or one CPU; ENOSYS: no membarrier; EPERM: a seccomp filter.
	if (error && method == GraceMethod::automatic)
		error = by_map();
	if (error)
		throw refused("wait for", "running programs", error, "CAP_BPF");
	uint64_t last = ended.load();
	while (last < number && !ended.compare_exchange_weak(last, number)) {
	}
}

} // namespace unum
