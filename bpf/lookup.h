/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* lookup.h - read the tables. Every word is loaded whole, once. */
#ifndef UNUM_LOOKUP_H
#define UNUM_LOOKUP_H

#include "maps.h"
#include "packet.h"
#include "table.h"

/* A word as the map holds it: one load, so no packet mixes an old half with a new one. */
#define DEFINE_WORD(type)                                                                          \
	union type##_word {                                                                        \
		__u64 word;                                                                        \
		struct type value;                                                                 \
	};                                                                                         \
	static __always_inline struct type type##_at(void *map, __u32 index)                       \
	{                                                                                          \
		union type##_word read = {.word = 0};                                              \
		__u64 *element = bpf_map_lookup_elem(map, &index);                                 \
                                                                                                   \
		if (element)                                                                       \
			read.word = *(volatile __u64 *)element;                                    \
		return read.value;                                                                 \
	}

DEFINE_WORD(profile)
DEFINE_WORD(tenant)
DEFINE_WORD(endpoint)
DEFINE_WORD(circuit)
DEFINE_WORD(circuit_peer)
DEFINE_WORD(path_mtu)
DEFINE_WORD(rate_limit)
DEFINE_WORD(liveness)
DEFINE_WORD(liveness_time)

static __always_inline struct profile profile_get(__u32 index)
{
	return profile_at(&profiles, index);
}

static __always_inline struct tenant tenant_get(__u32 index)
{
	return tenant_at(&tenants, index);
}

static __always_inline struct endpoint endpoint_get(__u32 index)
{
	return endpoint_at(&endpoints, index);
}

static __always_inline struct circuit circuit_get(__u32 index)
{
	return circuit_at(&circuits, index);
}

static __always_inline struct circuit_peer circuit_peer_get(__u32 index, bool inner6)
{
	return inner6 ? circuit_peer_at(&circuit_peers6, index)
		      : circuit_peer_at(&circuit_peers, index);
}

/* Records are immutable while a word names them, and for a grace period after. */
static __always_inline const struct tunnel *tunnel_get(__u32 slot)
{
	return slot ? bpf_map_lookup_elem(&tunnels, &slot) : NULL;
}

static __always_inline const struct circuit_record *circuit_record_get(__u32 slot)
{
	return slot ? bpf_map_lookup_elem(&circuit_records, &slot) : NULL;
}

static __always_inline const struct tenant_record *tenant_record_get(__u32 slot)
{
	return slot ? bpf_map_lookup_elem(&tenant_records, &slot) : NULL;
}

/* In one of the bucket tables of maps.h. */
#define TABLE_FIND(table, key, value)                                                              \
	table_find(&table, table##_buckets, &table_moves, offsetof(struct table_moves, table),     \
		   key, value)
#define TABLE_FIND3(table, key, value)                                                             \
	table_find3(&table, table##_buckets, &table_moves, offsetof(struct table_moves, table),    \
		    key, value)

/* The two halves of a key or value word, in the order they have in memory. */
union halves {
	__u64 word;
	struct {
		__u32 low;
		__u32 high;
	};
};

/* A slot's words seen as its struct: written as words, read as fields, or the other way. */
#define DEFINE_SLOT(type)                                                                          \
	union type##_words {                                                                       \
		struct slot words;                                                                 \
		struct type##_slot fields;                                                         \
	};

DEFINE_SLOT(moved4)
DEFINE_SLOT(attachment)
DEFINE_SLOT(service4)
DEFINE_SLOT(source4)
DEFINE_SLOT(member)

/* The same for slots of 32 bytes. */
#define DEFINE_SLOT3(type)                                                                         \
	union type##_words {                                                                       \
		struct slot3 words;                                                                \
		struct type##_slot fields;                                                         \
	};

DEFINE_SLOT3(moved6)
DEFINE_SLOT3(service6)
DEFINE_SLOT3(source6)

union route_word {
	__u64 word;
	struct route value;
};

/*
 * Lookups by IPv6 addresses are functions of their own, which the verifier looks at once: their keys
 * are long, and an edge without IPv6 has none of them. They return the slot's value; 0: not found.
 */
static __always_inline struct key3 key3_of(__u32 first, const union ip_address *address)
{
	return (struct key3){
		.words = {first | (__u64)address->words[0] << 32,
			  address->words[1] | (__u64)address->words[2] << 32, address->words[3]},
	};
}

__noinline __u64 vm6_find(__u32 vni, const union ip_address *address)
{
	__u64 value = 0;
	struct key3 key;

	if (!address)
		return 0;
	key = key3_of(vni, address);
	return TABLE_FIND3(vms6, &key, &value) ? value : 0;
}

__noinline __u64 moved6_find(__u32 vni, const union ip_address *address)
{
	__u64 value = 0;
	struct key3 key;

	if (!address)
		return 0;
	key = key3_of(vni, address);
	return TABLE_FIND3(moved6, &key, &value) ? value : 0;
}

/* The first half of a service's key; of port and protocol 0, that an address is ours at all. */
static __always_inline __u32 service6_key(__be16 port, __u8 protocol)
{
	union {
		struct {
			__be16 port;
			__u8 protocol;
			__u8 flags;
		};
		__u32 word;
	} key = {.port = port, .protocol = protocol, .flags = SLOT_USED};

	return key.word;
}

__noinline __u64 service6_find(__u32 service, const union ip_address *local)
{
	__u64 value = 0;
	struct key3 key;

	if (!local)
		return 0;
	key = key3_of(service, local);
	return TABLE_FIND3(services6, &key, &value) ? value : 0;
}

__noinline __u64 source6_find(__u32 local_tag, const union ip_address *remote)
{
	__u64 value = 0;
	struct key3 key;

	if (!remote)
		return 0;
	key = key3_of(local_tag, remote);
	return TABLE_FIND3(sources6, &key, &value) ? value : 0;
}

/* An LPM_TRIE element is never changed in place: an update makes a new node. */
__noinline __u64 route6_find(__u32 vni, const union ip_address *address)
{
	union vni_key network = {.word = vni};
	struct route6_key key = {.prefix_length = 160, .flags = network.flags};
	const union route_word *found;

	if (!address)
		return 0;
	__builtin_memcpy(key.vni, network.vni, sizeof(key.vni));
	address6_copy(key.address, address->v6);
	found = bpf_map_lookup_elem(&routes6, &key);
	return found ? found->word : 0;
}

static __always_inline bool vm_find(const struct packet *packet, const union ip_address *address,
				    bool inner6, union vm_value *vm)
{
	union halves key = {.low = packet->vni.word, .high = address->v4};

	if (inner6) {
		vm->word = vm6_find(packet->vni.word, address);
		return vm->word;
	}
	return TABLE_FIND(vms4, key.word, &vm->word);
}

/* True while address, now on another server, may still come from endpoint. */
static __always_inline bool moved_recently(const struct packet *packet,
					   const union ip_address *address, bool inner6,
					   __u16 endpoint)
{
	union halves key = {.low = packet->vni.word, .high = address->v4};
	union moved4_words slot = {};

	if (inner6) {
		union moved6_words slot6 = {};

		slot6.words.value = moved6_find(packet->vni.word, address);
		return slot6.fields.endpoint == endpoint &&
		       bpf_ktime_get_ns() >> 30 < slot6.fields.until;
	}
	if (!TABLE_FIND(moved4, key.word, &slot.words.value))
		return false;
	return slot.fields.endpoint == endpoint && bpf_ktime_get_ns() >> 30 < slot.fields.until;
}

static __always_inline bool attachment_find(__u32 ifindex, __be16 vlan, __be16 inner_vlan,
					    struct attachment_slot *attachment)
{
	union attachment_words slot = {
		.fields = {.ifindex = ifindex, .vlan = vlan, .inner_vlan = inner_vlan},
	};

	if (!TABLE_FIND(attachments, slot.words.key, &slot.words.value))
		return false;
	*attachment = slot.fields;
	return true;
}

static __always_inline bool service_find(__be32 local, __be16 port, __u8 protocol)
{
	union service4_words slot = {
		.fields = {.local = local, .port = port, .protocol = protocol, .flags = SLOT_USED},
	};

	return TABLE_FIND(services4, slot.words.key, &slot.words.value);
}

static __always_inline bool source_find(__be32 remote, __be32 local, struct source4_slot *source)
{
	union source4_words slot = {.fields = {.remote = remote, .local = local}};

	if (!TABLE_FIND(sources4, slot.words.key, &slot.words.value))
		return false;
	*source = slot.fields;
	return true;
}

static __always_inline bool member_find(union vni_key vni, __u16 endpoint,
					struct member_slot *member)
{
	union member_words slot = {.fields = {.endpoint = endpoint}};
	union halves key = {.word = slot.words.key};

	key.low = vni.word;
	if (!TABLE_FIND(members, key.word, &slot.words.value))
		return false;
	*member = slot.fields;
	return true;
}

static __always_inline bool route_find(const struct packet *packet, const union ip_address *address,
				       bool inner6, struct route *route)
{
	struct route4_key key = {
		.prefix_length = 64, .address = address->v4, .flags = packet->vni.flags};
	union route_word found6;
	const struct route *found;

	if (inner6) {
		found6.word = route6_find(packet->vni.word, address);
		*route = found6.value;
		return found6.word;
	}
	__builtin_memcpy(key.vni, packet->vni.vni, sizeof(key.vni));
	found = bpf_map_lookup_elem(&routes4, &key);
	if (!found)
		return false;
	*route = *found;
	return true;
}

#endif
