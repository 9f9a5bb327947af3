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

static __always_inline struct circuit_peer circuit_peer_get(__u32 index)
{
	return circuit_peer_at(&circuit_peers, index);
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

static __always_inline const struct table_moves *moves_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&table_moves, &zero);
}

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

DEFINE_SLOT(vm4)
DEFINE_SLOT(moved4)
DEFINE_SLOT(attachment)
DEFINE_SLOT(service4)
DEFINE_SLOT(source4)
DEFINE_SLOT(member)

static __always_inline bool vm_find(union vni_key vni, __be32 address, struct vm4_slot *vm)
{
	union halves key = {.low = vni.word, .high = address};
	const struct table_moves *moves = moves_get();
	union vm4_words slot = {};

	if (!moves || !table_find(&vms4, vms4_buckets, &moves->vms4, key.word, &slot.words.value))
		return false;
	*vm = slot.fields;
	return true;
}

/* True while address, now on another server, may still come from endpoint. */
static __always_inline bool moved_recently(union vni_key vni, __be32 address, __u16 endpoint)
{
	union halves key = {.low = vni.word, .high = address};
	const struct table_moves *moves = moves_get();
	union moved4_words slot = {};

	if (!moves ||
	    !table_find(&moved4, moved4_buckets, &moves->moved4, key.word, &slot.words.value))
		return false;
	return slot.fields.endpoint == endpoint && bpf_ktime_get_ns() >> 30 < slot.fields.until;
}

static __always_inline bool attachment_find(__u32 ifindex, __be16 vlan, __be16 inner_vlan,
					    struct attachment_slot *attachment)
{
	const struct table_moves *moves = moves_get();
	union attachment_words slot = {
		.fields = {.ifindex = ifindex, .vlan = vlan, .inner_vlan = inner_vlan},
	};

	if (!moves || !table_find(&attachments, attachments_buckets, &moves->attachments,
				  slot.words.key, &slot.words.value))
		return false;
	*attachment = slot.fields;
	return true;
}

static __always_inline bool service_find(__be32 local, __be16 port, __u8 protocol)
{
	const struct table_moves *moves = moves_get();
	union service4_words slot = {
		.fields = {.local = local, .port = port, .protocol = protocol, .flags = SLOT_USED},
	};

	return moves && table_find(&services4, services4_buckets, &moves->services4, slot.words.key,
				   &slot.words.value);
}

static __always_inline bool source_find(__be32 remote, __be32 local, struct source4_slot *source)
{
	const struct table_moves *moves = moves_get();
	union source4_words slot = {.fields = {.remote = remote, .local = local}};

	if (!moves || !table_find(&sources4, sources4_buckets, &moves->sources4, slot.words.key,
				  &slot.words.value))
		return false;
	*source = slot.fields;
	return true;
}

static __always_inline bool member_find(union vni_key vni, __u16 endpoint,
					struct member_slot *member)
{
	const struct table_moves *moves = moves_get();
	union member_words slot = {.fields = {.endpoint = endpoint}};
	union halves key = {.word = slot.words.key};

	key.low = vni.word;
	if (!moves ||
	    !table_find(&members, members_buckets, &moves->members, key.word, &slot.words.value))
		return false;
	*member = slot.fields;
	return true;
}

static __always_inline bool route_find(union vni_key vni, __be32 address, struct route4 *route)
{
	struct route4_key key = {.prefix_length = 64, .address = address, .flags = vni.flags};
	const struct route4 *found;

	__builtin_memcpy(key.vni, vni.vni, sizeof(key.vni));
	found = bpf_map_lookup_elem(&routes4, &key);
	if (!found)
		return false;
	/* An LPM_TRIE element is never changed in place: an update makes a new node. */
	*route = *found;
	return true;
}

#endif
