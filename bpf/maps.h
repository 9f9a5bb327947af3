/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* maps.h - map definitions, nothing else. docs/maps.md describes each. */
#ifndef UNUM_MAPS_H
#define UNUM_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "abi.h"

/* Objects an edge can have of each kind, the sentinel included. */
#define OBJECTS_MAX 16384

/* Written by the host through a mapping, read by packets. */
#define WORDS(map_name, element, entries)                                                          \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                  \
		__uint(max_entries, entries);                                                      \
		__uint(map_flags, BPF_F_MMAPABLE);                                                 \
		__type(key, __u32);                                                                \
		__type(value, element);                                                            \
	} map_name SEC(".maps")

#define PER_CPU(map_name, element, entries)                                                        \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);                                           \
		__uint(max_entries, entries);                                                      \
		__type(key, __u32);                                                                \
		__type(value, element);                                                            \
	} map_name SEC(".maps")

/* Bucket tables. The host sets the sizes of vms4 and vms6 before load. */
WORDS(vms4, struct vm4_bucket, 1);
WORDS(moved4, struct moved4_bucket, 8192);
WORDS(attachments, struct attachment_bucket, OBJECTS_MAX / 2);
WORDS(services4, struct service4_bucket, 256);
WORDS(sources4, struct source4_bucket, OBJECTS_MAX / 2);
WORDS(members, struct member_bucket, 65536);
WORDS(vms6, struct vm6_bucket, 1);
WORDS(moved6, struct moved6_bucket, 8192);
WORDS(services6, struct service6_bucket, 256);
WORDS(sources6, struct source6_bucket, OBJECTS_MAX);
WORDS(table_moves, struct table_moves, 1);

/* Words and records. */
WORDS(edge, struct edge, 1);
WORDS(profiles, struct profile, 1024);
WORDS(tenants, struct tenant, OBJECTS_MAX);
WORDS(tenant_records, struct tenant_record, 2 * OBJECTS_MAX);
WORDS(endpoints, struct endpoint, OBJECTS_MAX);
WORDS(liveness, struct liveness, OBJECTS_MAX);
WORDS(liveness_heard, struct liveness_time, OBJECTS_MAX);
WORDS(liveness_clock, struct liveness_time, 1);
WORDS(path_mtus, struct path_mtu, OBJECTS_MAX);
WORDS(tunnels, struct tunnel, 2 * OBJECTS_MAX);
WORDS(circuits, struct circuit, OBJECTS_MAX);
WORDS(circuit_records, struct circuit_record, 2 * OBJECTS_MAX);
WORDS(circuit_peers, struct circuit_peer, OBJECTS_MAX);
WORDS(circuit_peers6, struct circuit_peer, OBJECTS_MAX);
WORDS(route_groups, struct route_group, OBJECTS_MAX);
WORDS(profile_limits, struct rate_limit, 1024);
WORDS(tenant_limits, struct rate_limit, OBJECTS_MAX);

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 262144);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct route4_key);
	__type(value, struct route);
} routes4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 262144);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct route6_key);
	__type(value, struct route);
} routes6 SEC(".maps");

/* Interfaces that packets may leave through, by ifindex. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u32);
} egress SEC(".maps");

PER_CPU(packet_counters, struct packet_counters, 1);
PER_CPU(drop_counters, struct drop_counter, DROP_REASON_COUNT);
PER_CPU(endpoint_counters, struct traffic_counters, OBJECTS_MAX);
PER_CPU(tenant_counters, struct traffic_counters, OBJECTS_MAX);
PER_CPU(reply_limits, struct reply_limit, 256);

/* Where bytes go that are to be summed up. */
PER_CPU(checksum_pieces, struct checksum_piece, 1);

/* Shared by all processors, one store a packet: only where a limit is set. */
WORDS(profile_meters, struct profile_meter, 1024);
WORDS(tenant_meters, struct tenant_meter, OBJECTS_MAX);

/* For user space alone: it reads its own state back from here. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct name_key);
	__type(value, struct name);
} names SEC(".maps");

WORDS(profile_details, struct profile_detail, 1024);
WORDS(tenant_details, struct tenant_detail, OBJECTS_MAX);
WORDS(meta, struct meta, 1);

#endif
