// SPDX-License-Identifier: Apache-2.0
// grace.hpp - wait until no program that runs now is left.
#pragma once

#include <cstdint>

namespace unum
{

/*
 * An XDP program runs inside an RCU read-side section, so what it read before a grace period began
 * it has forgotten when that ends. Grace periods are numbered, so that one serves all who wait:
 *
 *   moment = grace_moment();      something was freed just before
 *   ...
 *   grace_passed(moment)          true once a whole grace period has passed since
 */
uint64_t grace_moment();
bool grace_passed(uint64_t moment);

enum class GraceMethod {
	automatic,
	membarrier, // membarrier(2): synchronize_rcu(), but not with nohz_full, and not on one CPU
	map,        // update of a map of maps: the kernel waits for programs there, too
};

void grace_period(GraceMethod method = GraceMethod::automatic);

} // namespace unum
