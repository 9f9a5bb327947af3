/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * abi.h - every struct and number that both the packet path and user space see.
 *
 * Written once, here. User space holds no second copy: it reads these layouts from the object's
 * BTF when it runs. Fields in network order are __beNN; everything else is host order. Padding is
 * explicit and named.
 *
 * How a change reaches a packet. No packet may see half of one, so there are only three shapes:
 *
 *   word      8 bytes, aligned, replaced by one atomic store (profile, tenant, endpoint, circuit)
 *   record    a larger, immutable value in a pair of slots (2 * index, 2 * index + 1). A word
 *             names the live slot; a new version is written to the other one and published by
 *             storing the word. The slot that was left rests for an RCU grace period.
 *   slot      16 or 32 bytes in a bucket table (table.h): a key, published by one atomic store of
 *             its first word, and a value word, replaced by one.
 *
 * Index 0 of every array is an invalid sentinel: all zero, never assigned, dropped by name.
 *
 * Another build takes these maps over by the names of fields and enumerators. So a new field says by zero that all is as before,
 * another meaning gets another name, and a field that holds an enumeration is listed in src/dataplane/numbers.ts.
 */
#ifndef UNUM_ABI_H
#define UNUM_ABI_H

#include <linux/types.h>

/* ---- numbers ------------------------------------------------------------------------------- */

enum abi_version {
	UNUM_ABI_VERSION = 3,
};

enum encapsulation {
	ENCAPSULATION_NONE,
	ENCAPSULATION_VXLAN,  /* RFC 7348 */
	ENCAPSULATION_GENEVE, /* RFC 8926 */
	ENCAPSULATION_NVGRE,  /* RFC 7637 */
};

enum endpoint_kind {
	ENDPOINT_KIND_NONE,
	ENDPOINT_KIND_SERVER,
	ENDPOINT_KIND_GATEWAY,
};

/*
 * An endpoint is usable in states UNKNOWN (nobody watches it) and UP. The word of an endpoint that is watched says so and no more:
 * whether it is usable says the one of struct liveness, which has another writer.
 */
enum endpoint_state {
	ENDPOINT_STATE_INVALID, /* the sentinel: no such endpoint */
	ENDPOINT_STATE_UNKNOWN,
	ENDPOINT_STATE_UP,
	ENDPOINT_STATE_STALE,
	ENDPOINT_STATE_ADMIN_DOWN,
	ENDPOINT_STATE_WATCHED,
};

enum route_kind {
	ROUTE_KIND_NONE,
	ROUTE_KIND_GROUP,   /* target is an index into route_groups */
	ROUTE_KIND_CIRCUIT, /* target is an index into circuits */
	ROUTE_KIND_SELF,    /* the tenant's own address: answered here */
};

/* Which inner source addresses a tunnel packet may carry. */
enum source_check {
	SOURCE_CHECK_NONE, /* the sentinel: no such tenant */
	SOURCE_CHECK_VM, /* a VM only from its own server, standby, gateway, or the server it just left */
	SOURCE_CHECK_MEMBER, /* any address that a VM or a route to an endpoint covers */
	SOURCE_CHECK_OFF,
};

enum slot_flags {
	SLOT_USED = 0x01, /* keeps the key word of a used slot from being zero */
};

enum profile_flags {
	PROFILE_VALID = 0x01,
	PROFILE_DONT_FRAGMENT = 0x02,
	PROFILE_ENTROPY_L3 = 0x04,
	PROFILE_ECN_COMPATIBILITY =
		0x08,                /* RFC 6040 section 4.1: the outer header is always Not-ECT */
	PROFILE_UDP_CHECKSUM = 0x10, /* computed, and asked of the other end */
	PROFILE_MSS_CLAMP = 0x20,    /* of TCP connections through the tunnel, in both directions */
	PROFILE_RATE_LIMIT = 0x40,   /* profile_limits has it */
	PROFILE_DSCP_UNIFORM = 0x80, /* RFC 2983: decapsulation takes the outer DSCP over */
};

enum profile_dscp {
	PROFILE_DSCP_COPY = 64, /* above every code point */
};

/* Which of its two paths a packet may take. */
enum path_policy {
	PATH_POLICY_INHERIT, /* of a VM: its tenant's, by DSCP or at large */
	PATH_POLICY_DIRECT_PREFERRED,
	PATH_POLICY_DIRECT_ONLY,
	PATH_POLICY_GATEWAY_ONLY,
};

enum tenant_flags {
	TENANT_VALID = 0x01,
	TENANT_DSCP_POLICY = 0x02, /* its record has policies by code point */
	TENANT_RATE_LIMIT = 0x04,  /* tenant_limits has it */
};

enum circuit_flags {
	CIRCUIT_VALID = 0x01,
	CIRCUIT_PEER_STATIC = 0x02, /* the document gives the peer's MAC: never learned */
};

/*
 * How a frame leaves through the port it came in on. XDP_TX is cheapest, but a veth drops it
 * silently where its peer runs no XDP program (veth_xdp_flush() in drivers/net/veth.c); a redirect
 * to the same port arrives.
 */
enum transmit {
	TRANSMIT_NONE, /* the next hop is not resolved: there is no way out yet */
	TRANSMIT_DIRECT,
	TRANSMIT_REDIRECT,
};

enum member_flags {
	MEMBER_VALID = 0x01,
	MEMBER_LISTED = 0x02, /* named by the tenant itself, not only by its VMs and routes */
};

/* RFC 5880 section 4.1, by its numbers. */
enum bfd_auth {
	BFD_AUTH_NONE = 0,
	BFD_AUTH_KEYED_SHA1 = 4,
	BFD_AUTH_METICULOUS_KEYED_SHA1 = 5,
};

/* What a name in the names map belongs to. */
enum object_kind {
	OBJECT_KIND_NONE,
	OBJECT_KIND_PROFILE,
	OBJECT_KIND_ENDPOINT,
	OBJECT_KIND_TENANT,
	OBJECT_KIND_CIRCUIT,  /* "tenant/circuit" */
	OBJECT_KIND_PORT,     /* index is the ifindex */
	OBJECT_KIND_KEY_FILE, /* of a profile's BFD: a path, index is the profile's */
};

/* Why a packet was dropped. docs/operations.md has the remedy of each; a unit test compares. */
enum drop_reason {
	DROP_NONE,
	DROP_MALFORMED,    /* cut short, or a length or version that contradicts the frame */
	DROP_BAD_CHECKSUM, /* of an IPv4 header, or of the outer UDP where the profile asks for it */
	DROP_MARTIAN_ADDRESS, /* source or destination that no router forwards (RFC 1812 5.3.7) */
	DROP_NO_ROUTE,        /* neither a VM nor a route of the tenant */
	DROP_NO_PATH,         /* a destination is known, but none of its endpoints is usable */
	DROP_NO_NEXT_HOP,     /* the endpoint's underlay neighbour is not resolved yet */
	DROP_INVALID_ENTRY,   /* a table pointed at a sentinel or outside of another table */
	DROP_TTL_EXPIRED,     /* answered with Time Exceeded where that is allowed */
	DROP_TOO_BIG,         /* does not fit and must not be fragmented; answered likewise */
	DROP_NEEDS_FRAGMENTATION, /* does not fit and may be fragmented: unum does not */
	DROP_NO_HEADROOM,         /* the driver left no room for the outer headers */
	DROP_UNKNOWN_ENDPOINT,    /* tunnel packet from an address that is no endpoint */
	DROP_TUNNEL_MISMATCH, /* from an endpoint, but not in the format and port of its profile */
	DROP_TUNNEL_FRAGMENT, /* tunnel packet that the underlay fragmented */
	DROP_BAD_TUNNEL_HEADER,  /* flags, VNI or lengths of the tunnel header */
	DROP_NOT_A_MEMBER,       /* the endpoint has no business in that VNI */
	DROP_SPOOFED_SOURCE,     /* inner source address that may not come from that endpoint */
	DROP_GROUP_MAC,          /* inner destination MAC is multicast or broadcast: unum routes */
	DROP_UNSUPPORTED_INNER,  /* inner frame holds nothing that this edge routes */
	DROP_TO_CIRCUIT_ADDRESS, /* for a circuit's own address, and nothing that it answers */
	DROP_PEER_UNRESOLVED,    /* the circuit peer's MAC is unknown: it was asked for */
	DROP_SPLIT_HORIZON, /* would go back to where it came from, or from gateway to gateway */
	DROP_CONGESTION, /* outer CE over an inner packet that is not ECN-capable (RFC 6040 4.2) */
	DROP_CRITICAL_OPTION, /* Geneve option that must be understood, and is not (RFC 8926 3.5) */
	DROP_POLICY,          /* the only path there is, the policy forbids */
	DROP_RATE_LIMIT,      /* above the rate of its profile or tenant */
	DROP_LIVENESS_STRANGER, /* BFD from an address that is no endpoint */
	DROP_LIVENESS_TTL, /* BFD of a neighbour with another TTL than 255: it passed a router */
	DROP_LIVENESS_VERSION, /* BFD of another version than 1 */
	DROP_LIVENESS_LENGTH,  /* BFD that is cut short, or says that it is longer than it is */
	DROP_LIVENESS_DISCRIMINATOR, /* BFD for a session that the edge does not have */
	DROP_REASON_COUNT,
};

/* ---- bucket tables: a cache line of four slots ------------------------------------------------ */

/* key: tenant's VNI and VM address; value: what finds the VM. Moving a VM is one 8-byte store. */
struct vm4_slot {
	__u8 vni[3]; /* network order */
	__u8 flags;  /* enum slot_flags */
	__be32 address;
	__u8 mac[6];
	__u16 endpoint : 14;
	__u16 policy : 2; /* enum path_policy */
};

struct vm4_bucket {
	struct vm4_slot slots[4];
} __attribute__((aligned(64)));

/* Two slots of 32 bytes: a key of three words. */
struct vm6_slot {
	__u8 vni[3];
	__u8 flags;
	__be32 address[4];
	__u32 reserved_key;
	__u8 mac[6];
	__u16 endpoint : 14;
	__u16 policy : 2;
};

struct vm6_bucket {
	struct vm6_slot slots[2];
} __attribute__((aligned(64)));

/* The server a VM just left, still allowed as its source until a moment. */
struct moved4_slot {
	__u8 vni[3];
	__u8 flags;
	__be32 address;
	__u32 until; /* CLOCK_MONOTONIC nanoseconds >> 30: about seconds */
	__u16 endpoint;
	__u16 reserved;
};

struct moved4_bucket {
	struct moved4_slot slots[4];
} __attribute__((aligned(64)));

struct moved6_slot {
	__u8 vni[3];
	__u8 flags;
	__be32 address[4];
	__u32 reserved_key;
	__u32 until;
	__u16 endpoint;
	__u16 reserved;
};

struct moved6_bucket {
	struct moved6_slot slots[2];
} __attribute__((aligned(64)));

/* Attachment circuit: where a frame came in names its tenant. */
struct attachment_slot {
	__u32 ifindex;
	__be16 vlan; /* 0: untagged */
	__be16 inner_vlan;
	__u8 vni[3];
	__u8 flags;
	__u16 tenant;
	__u16 circuit;
};

struct attachment_bucket {
	struct attachment_slot slots[4];
} __attribute__((aligned(64)));

/* A tunnel port this edge serves on one of its own addresses. */
struct service4_slot {
	__be32 local;
	__be16 port;   /* 0 where the protocol has none */
	__u8 protocol; /* IPPROTO_UDP, or IPPROTO_GRE */
	__u8 flags;    /* enum slot_flags */
	__u8 reserved[8];
};

struct service4_bucket {
	struct service4_slot slots[4];
} __attribute__((aligned(64)));

/*
 * The same over IPv6. The entry with protocol and port 0 says that the address is ours at all; each
 * entry of one address has the same tag, which stands for the address in struct source6_slot.
 */
struct service6_slot {
	__be16 port;
	__u8 protocol;
	__u8 flags; /* enum slot_flags */
	__be32 local[4];
	__u32 reserved_key;
	__u32 tag; /* not 0 */
	__u8 reserved[4];
};

struct service6_bucket {
	struct service6_slot slots[2];
} __attribute__((aligned(64)));

/* Outer source and destination of a tunnel name its endpoint and the only form it may have. */
struct source4_slot {
	__be32 remote;
	__be32 local;
	__u16 endpoint;
	__be16 port;
	__u8 encapsulation;
	__u8 reserved[3];
};

struct source4_bucket {
	struct source4_slot slots[4];
} __attribute__((aligned(64)));

struct source6_slot {
	__u32 local_tag; /* of struct service6_slot */
	__be32 remote[4];
	__u32 reserved_key;
	__u16 endpoint;
	__be16 port;
	__u8 encapsulation;
	__u8 reserved[3];
};

struct source6_bucket {
	struct source6_slot slots[2];
} __attribute__((aligned(64)));

/* An endpoint that may speak in a virtual network. */
struct member_slot {
	__u8 vni[3];
	__u8 flags; /* enum slot_flags */
	__u16 endpoint;
	__u16 reserved_key;
	__u16 tenant;
	__u8 member_flags;
	__u8 reserved;
	__u32 until; /* 0: for good; else as in moved4_slot, for an endpoint whose last VM just left */
};

struct member_bucket {
	struct member_slot slots[4];
} __attribute__((aligned(64)));

/* Keys that moved from one bucket to the other, by table: a miss is final only if its count
 * stood still meanwhile. */
struct table_moves {
	__u64 vms4;
	__u64 moved4;
	__u64 attachments;
	__u64 services4;
	__u64 sources4;
	__u64 members;
	__u64 vms6;
	__u64 moved6;
	__u64 services6;
	__u64 sources6;
};

/* ---- words -------------------------------------------------------------------------------------- */

/* All that the packet path needs of a profile: one store changes it for every endpoint at once. */
struct profile {
	__be16 port; /* UDP destination; 0 without UDP */
	__u8 ttl;
	__u8 dscp; /* 0..63 or PROFILE_DSCP_COPY */
	__u8 encapsulation;
	__u8 flags;
	__u16 mtu; /* outer packet, bytes; 0: that of the egress interface */
} __attribute__((aligned(8)));

struct tenant {
	__u8 vni[3];
	__u8 flags; /* enum tenant_flags */
	__u8 source_check;
	__u8 policy;  /* enum path_policy; never INHERIT */
	__u16 record; /* live slot in tenant_records */
} __attribute__((aligned(8)));

/* A server or gateway. One store of this word moves all of its VMs. 0 in tunnel: no such endpoint. */
struct endpoint {
	__u32 tunnel;  /* live slot in tunnels */
	__u16 standby; /* endpoint that takes over; 0: none */
	__u8 state;
	__u8 kind;
} __attribute__((aligned(8)));

/* Of an endpoint whose BFD session the host keeps. All zero: there is none yet, and the endpoint is used. */
struct liveness {
	__u32 discriminator; /* the edge's own: what the endpoint calls the session */
	__u16 detect_ms;     /* silence by liveness_clock that makes it stale; 0: only state does */
	__u8 state;          /* enum endpoint_state: UNKNOWN, UP or STALE */
	__u8 reserved;
} __attribute__((aligned(8)));

/* Nanoseconds by the clock of liveness. It goes while the host that listens for BFD does, and stands still with it. */
struct liveness_time {
	__u64 ns;
};

struct circuit {
	__u32 record; /* live slot in circuit_records */
	__u16 tenant;
	__u8 flags;
	__u8 reserved;
} __attribute__((aligned(8)));

/* The MAC of a circuit's one configured peer, written by packets: by ARP, or neighbour discovery,
 * with that peer's address on that circuit. It can grow no table. */
struct circuit_peer {
	__u8 mac[6];
	__u16 heard; /* 0: never; else 0x8000 | low bits of CLOCK_MONOTONIC nanoseconds >> 34 */
} __attribute__((aligned(8)));

/* Towards an endpoint, as routers on the way told (RFC 1191, 8201). Written by packets that prove to
 * be about one of ours; never above what the host knows, never below what the family guarantees. */
struct path_mtu {
	__u16 mtu; /* outer packet, bytes; 0: nothing was learned */
	__u16 reserved;
	__u32 until; /* CLOCK_MONOTONIC nanoseconds >> 30 */
} __attribute__((aligned(8)));

/* Token bucket as virtual time (GCRA): a byte costs so much of it, a burst may run ahead so far. */
struct rate_limit {
	__u32 cost;     /* nanoseconds << RATE_LIMIT_SHIFT of a byte; 0: no limit */
	__u32 burst_us; /* microseconds */
} __attribute__((aligned(8)));

enum rate_limit_scale {
	RATE_LIMIT_SHIFT = 14,
};

struct edge {
	__u8 mac[6]; /* inner source MAC: the edge as a router of every overlay */
	__u16 valid;
	__be32 address; /* local VTEP; tunnels carry their own copy; 0: none */
	__u32 reserved;
	__be32 address6[4]; /* for user space: packets find it in services6 */
} __attribute__((aligned(8)));

/* ---- records --------------------------------------------------------------------------------------- */

/* Where an endpoint is and how to get there. One cache line. */
struct tunnel {
	__be32 remote[4]; /* IPv4: the first word, the others zero */
	__be32 local[4];  /* likewise */
	__u8 next_hop_mac[6];
	__u8 source_mac[6];
	__u32 ifindex;
	__u8 overlay_mac[6]; /* inner destination when the target is no VM of ours */
	__u16 mtu;           /* of the egress interface, bytes */
	__u16 profile;
	__u16 family;  /* 4 or 6 */
	__u8 transmit; /* enum transmit */
	__u8 reserved[3];
} __attribute__((aligned(64)));

struct circuit_record {
	__u32 ifindex;
	__be16 vlan; /* outer tag; 0: untagged */
	__be16 inner_vlan;
	__be16 tag;     /* EtherType of the outer tag: 802.1Q or 802.1ad; the inner one is 802.1Q */
	__u16 mtu;      /* of an IP packet, bytes */
	__be32 address; /* ours on this circuit; 0: no IPv4 */
	__be32 peer;
	__u8 mac[6]; /* of the NIC */
	__u8 peer_mac[6];
	__u8 prefix_length;
	__u8 prefix_length6;
	__u8 vni[3];
	__u8 transmit; /* enum transmit */
	__u8 reserved[22];
	/* second line: IPv6, all zero without */
	__be32 address6[4];
	__be32 peer6[4];
	__u8 reserved6[32];
} __attribute__((aligned(64)));

/* What of a tenant is read now and then. Policies by DSCP: a bit for each code point. */
struct tenant_record {
	__be32 address; /* ours where no circuit is at hand; 0: none */
	__u32 reserved;
	__be32 address6[4];
	__u64 direct_preferred;
	__u64 direct_only;
	__u64 gateway_only;
	__u8 reserved_end[16];
} __attribute__((aligned(64)));

/* Equal-cost endpoints of a route. */
#define ROUTE_GROUP_MAX 31
struct route_group {
	__u16 count;
	__u16 endpoints[ROUTE_GROUP_MAX];
} __attribute__((aligned(64)));

/* ---- routes: longest prefix match ------------------------------------------------------------------- */

struct route4_key {
	__u32 prefix_length; /* 32 for the tenant, plus that of the prefix */
	__u8 vni[3];
	__u8 flags; /* enum slot_flags */
	__be32 address;
};

struct route6_key {
	__u32 prefix_length;
	__u8 vni[3];
	__u8 flags;
	__be32 address[4];
};

struct route {
	__u8 kind;
	__u8 prefix_length; /* of the prefix alone */
	__u16 target;
	__u32 reserved;
} __attribute__((aligned(8)));

/* ---- counters, per CPU ------------------------------------------------------------------------------- */

/* received = passed + forwarded + answered + dropped. The last two count frames of our own that
 * left in the place of a dropped one. */
struct packet_counters {
	__u64 received;
	__u64 passed;
	__u64 forwarded;
	__u64 answered; /* ARP, neighbour and echo requests that left as replies */
	__u64 dropped;
	__u64 icmp_errors;
	__u64 solicitations; /* for the MAC of a peer: ARP requests and neighbour solicitations */
};

/* Token bucket for packets of our own, per CPU and hashed source. */
struct reply_limit {
	__u64 last; /* CLOCK_MONOTONIC ns of the last refill */
	__u64 tokens;
};

/* Virtual time at which a limit has room again, CLOCK_MONOTONIC ns. Shared by all processors. */
struct profile_meter {
	__u64 time;
};

struct tenant_meter {
	__u64 tx_time;
	__u64 rx_time;
};

/* Bytes of a datagram under way to its checksum. */
#define CHECKSUM_PIECE 256
struct checksum_piece {
	__u8 bytes[CHECKSUM_PIECE];
} __attribute__((aligned(8)));

struct drop_counter {
	__u64 packets;
	__u64 bytes; /* frame as it came in */
};

/* endpoint: whole outer frames without FCS; tenant: inner IP packets. tx is towards endpoints. */
struct traffic_counters {
	__u64 tx_packets;
	__u64 tx_bytes;
	__u64 rx_packets;
	__u64 rx_bytes;
};

/* ---- for user space alone -------------------------------------------------------------------------- */

struct name_key {
	__u32 kind; /* enum object_kind */
	__u32 index;
};

struct name {
	char text[128];
};

/* What a profile says to the host and not to the packet path. */
struct profile_detail {
	__u32 bfd_interval_us; /* 0: no BFD */
	__u32 bfd_multiplier;
	__u64 rate;  /* bit/s; 0: no limit. profile_limits has it rounded */
	__u64 burst; /* bytes */
	__u32 bfd_hold_down_us;
	__u8 bfd_multihop;
	__u8 bfd_auth; /* enum bfd_auth */
	__u8 bfd_key_id;
	__u8 reserved;
};

struct tenant_detail {
	__u64 rate;
	__u64 burst;
};

/* Written when the maps are made, and by each writer. The version comes first in all builds; it is for people. What a later host
 * reads is what the types of the pinned map say (docs/decisions/0011-maps-of-other-layouts.md). */
struct meta {
	__u32 abi_version;
	__u32 vm_capacity;
	__u32 vm6_capacity;
	__u32 features; /* a bit for each member of struct features (config.h) that is on, in order */
	__u64 seed;
	__u64 object; /* hash of the object file that the pinned programs were loaded from */
	__u64 writers; /* who took the lock to write, so far: each counts itself before its first write */
};

#endif
