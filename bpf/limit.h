/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * limit.h - rate limits of profiles and tenants: token buckets as virtual time.
 *
 * A bucket is one moment (the generic cell rate algorithm of ITU-T I.371): until then what passed
 * has paid for. A packet conforms while that moment is at most a burst ahead of now, and moves it on
 * by its cost. All processors share it, so it moves by compare and exchange; where others are faster
 * four times, the packet passes unpaid rather than wait.
 */
#ifndef UNUM_LIMIT_H
#define UNUM_LIMIT_H

#include "lookup.h"

#define LIMIT_TRIES 4

static __always_inline bool limit_allows(struct rate_limit limit, __u64 *time, __u32 bytes)
{
	__u64 cost = ((__u64)bytes * limit.cost) >> RATE_LIMIT_SHIFT;
	__u64 now = bpf_ktime_get_ns(), latest = now + (__u64)limit.burst_us * 1000;

	if (!limit.cost)
		return true;
#pragma clang loop unroll(disable)
	for (int i = 0; i < LIMIT_TRIES; i++) {
		__u64 paid = *(volatile __u64 *)time;

		if (paid > latest)
			return false;
		if (__sync_val_compare_and_swap(time, paid, (paid > now ? paid : now) + cost) ==
		    paid)
			return true;
	}
	return true;
}

/* Towards an endpoint: outer bytes by its profile, inner ones by the tenant. */
__noinline bool limits_allow_sending(__u32 profile, __u32 outer_bytes, __u32 tenant,
				     __u32 inner_bytes)
{
	struct profile_meter *profile_meter = bpf_map_lookup_elem(&profile_meters, &profile);
	struct tenant_meter *tenant_meter = bpf_map_lookup_elem(&tenant_meters, &tenant);
	struct rate_limit of_profile = rate_limit_at(&profile_limits, profile);
	struct rate_limit of_tenant = rate_limit_at(&tenant_limits, tenant);

	if (!profile_meter || !tenant_meter)
		return true;
	return limit_allows(of_profile, &profile_meter->time, outer_bytes) &&
	       limit_allows(of_tenant, &tenant_meter->tx_time, inner_bytes);
}

__noinline bool limit_allows_receiving(__u32 tenant, __u32 inner_bytes)
{
	struct tenant_meter *meter = bpf_map_lookup_elem(&tenant_meters, &tenant);

	return !meter ||
	       limit_allows(rate_limit_at(&tenant_limits, tenant), &meter->rx_time, inner_bytes);
}

#endif
