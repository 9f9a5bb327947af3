/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * config.h - settings that the host writes before the program is loaded. The verifier sees them as
 * constants, so what an edge does not use costs it nothing.
 */
#ifndef UNUM_CONFIG_H
#define UNUM_CONFIG_H

#include <linux/types.h>

/* Keyed into every table hash, so that nobody outside can aim keys at one bucket. */
const volatile __u64 table_seed = 0;

/* Buckets per table: the number of elements of the map of that name. */
const volatile __u32 vms4_buckets = 1;
const volatile __u32 moved4_buckets = 1;
const volatile __u32 attachments_buckets = 1;
const volatile __u32 services4_buckets = 1;
const volatile __u32 sources4_buckets = 1;
const volatile __u32 members_buckets = 1;

#endif
