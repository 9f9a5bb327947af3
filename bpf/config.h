/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * config.h - settings that the host writes before the program is loaded. The verifier sees them as
 * constants, so what an edge does not use costs it nothing.
 */
#ifndef UNUM_CONFIG_H
#define UNUM_CONFIG_H

#include <linux/types.h>
#include "abi.h"

/* Keyed into every table hash, so that nobody outside can aim keys at one bucket. */
const volatile __u64 table_seed = 0;

/* Buckets per table: the number of elements of the map of that name. */
const volatile __u32 vms4_buckets = 1;
const volatile __u32 moved4_buckets = 1;
const volatile __u32 attachments_buckets = 1;
const volatile __u32 services4_buckets = 1;
const volatile __u32 sources4_buckets = 1;
const volatile __u32 members_buckets = 1;
const volatile __u32 vms6_buckets = 1;
const volatile __u32 moved6_buckets = 1;
const volatile __u32 services6_buckets = 1;
const volatile __u32 sources6_buckets = 1;

/*
 * What the document uses, 0 or 1 each. What is off is not in the loaded program; the host loads it
 * anew, and exchanges it under traffic, when a document first needs more.
 */
struct features {
	__u8 outer6;       /* an endpoint has an IPv6 address */
	__u8 inner6;       /* a VM, route, circuit or tenant has one */
	__u8 geneve;       /* a profile */
	__u8 nvgre;        /* a profile */
	__u8 vlan;         /* a circuit is tagged */
	__u8 policy;       /* anything but direct-preferred */
	__u8 rate_limit;   /* a profile or tenant */
	__u8 mss_clamp;    /* a profile */
	__u8 udp_checksum; /* a profile has it full */
	__u8 dscp_uniform; /* a profile takes the outer DSCP over */
	__u8 liveness;     /* a profile has BFD */
};

const volatile struct features features = {};

/*
 * The numbers of abi.h, for user space. A compiler leaves out of BTF what nothing has the type of,
 * and an enum as the type of a map's key would cost that map its BTF.
 */
struct abi_numbers {
	enum abi_version abi_version;
	enum rate_limit_scale rate_limit_scale;
	enum encapsulation encapsulation;
	enum endpoint_kind endpoint_kind;
	enum endpoint_state endpoint_state;
	enum route_kind route_kind;
	enum source_check source_check;
	enum slot_flags slot_flags;
	enum profile_flags profile_flags;
	enum profile_dscp profile_dscp;
	enum path_policy path_policy;
	enum tenant_flags tenant_flags;
	enum circuit_flags circuit_flags;
	enum transmit transmit;
	enum member_flags member_flags;
	enum object_kind object_kind;
	enum bfd_auth bfd_auth;
	enum drop_reason drop_reason;
};

const volatile struct abi_numbers abi_numbers = {};

#endif
