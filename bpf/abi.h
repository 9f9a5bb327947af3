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
 *   slot      16 bytes in a bucket table (table.h): a key word and a value word, each replaced by
 *             one atomic store.
 *
 * Index 0 of every array is an invalid sentinel: all zero, never assigned, dropped by name.
 */
#ifndef UNUM_ABI_H
#define UNUM_ABI_H

#include <linux/types.h>

#define UNUM_ABI_VERSION 1

/* ---- numbers ------------------------------------------------------------------------------- */

enum encapsulation {
	ENCAPSULATION_NONE,
	ENCAPSULATION_VXLAN, /* RFC 7348 */
};

enum endpoint_kind {
	ENDPOINT_KIND_NONE,
	ENDPOINT_KIND_SERVER,
	ENDPOINT_KIND_GATEWAY,
};

/* An endpoint is usable in states UNKNOWN (nobody watches it) and UP. */
enum endpoint_state {
	ENDPOINT_STATE_INVALID, /* the sentinel: no such endpoint */
	ENDPOINT_STATE_UNKNOWN,
	ENDPOINT_STATE_UP,
	ENDPOINT_STATE_STALE,
	ENDPOINT_STATE_ADMIN_DOWN,
};

enum route_kind {
	ROUTE_KIND_NONE,
	ROUTE_KIND_GROUP,   /* target is an index into route_groups */
	ROUTE_KIND_CIRCUIT, /* target is an index into circuits */
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
		0x08, /* RFC 6040 section 4.1: the outer header is always Not-ECT */
};

enum profile_dscp {
	PROFILE_DSCP_COPY = 64, /* above every code point */
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

/* What a name in the names map belongs to. */
enum object_kind {
	OBJECT_KIND_NONE,
	OBJECT_KIND_PROFILE,
	OBJECT_KIND_ENDPOINT,
	OBJECT_KIND_TENANT,
	OBJECT_KIND_CIRCUIT, /* "tenant/circuit" */
	OBJECT_KIND_PORT,    /* index is the ifindex */
};

/* Why a packet was dropped. docs/operations.md has the remedy of each; a unit test compares. */
enum drop_reason {
	DROP_NONE,
	DROP_MALFORMED,       /* cut short, or a length or version that contradicts the frame */
	DROP_BAD_CHECKSUM,    /* IPv4 header checksum of the inner packet */
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
	DROP_UNSUPPORTED_INNER,  /* inner packet is not IPv4 */
	DROP_TO_CIRCUIT_ADDRESS, /* for a circuit's own address, and nothing that it answers */
	DROP_PEER_UNRESOLVED,    /* the circuit peer's MAC is unknown: it was asked for */
	DROP_SPLIT_HORIZON, /* would go back to where it came from, or from gateway to gateway */
	DROP_CONGESTION, /* outer CE over an inner packet that is not ECN-capable (RFC 6040 4.2) */
	DROP_REASON_COUNT,
};

/* ---- bucket tables: a cache line of four slots ------------------------------------------------ */

/* key: tenant's VNI and VM address; value: what finds the VM. Moving a VM is one 8-byte store. */
struct vm4_slot {
	__u8 vni[3]; /* network order */
	__u8 flags;  /* enum slot_flags */
	__be32 address;
	__u8 mac[6];
	__u16 endpoint;
};

struct vm4_bucket {
	struct vm4_slot slots[4];
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
	__be16 port;
	__u8 protocol; /* IPPROTO_UDP */
	__u8 flags;    /* enum slot_flags */
	__u8 encapsulation;
	__u8 reserved[7];
};

struct service4_bucket {
	struct service4_slot slots[4];
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
};

/* ---- words -------------------------------------------------------------------------------------- */

/* All that the packet path needs of a profile: one store changes it for every endpoint at once. */
struct profile {
	__be16 port; /* UDP destination */
	__u8 ttl;
	__u8 dscp; /* 0..63 or PROFILE_DSCP_COPY */
	__u8 encapsulation;
	__u8 flags;
	__u16 mtu; /* outer packet, bytes; 0: that of the egress interface */
} __attribute__((aligned(8)));

struct tenant {
	__u8 vni[3];
	__u8 flags; /* enum slot_flags */
	__u8 source_check;
	__u8 reserved[3];
} __attribute__((aligned(8)));

/* A server or gateway. One store of this word moves all of its VMs. 0 in tunnel: no such endpoint. */
struct endpoint {
	__u32 tunnel;  /* live slot in tunnels */
	__u16 standby; /* endpoint that takes over; 0: none */
	__u8 state;
	__u8 kind;
} __attribute__((aligned(8)));

struct circuit {
	__u32 record; /* live slot in circuit_records */
	__u16 tenant;
	__u8 flags;
	__u8 reserved;
} __attribute__((aligned(8)));

/* The only forwarding state that packets may write: the MAC of a circuit's one configured peer,
 * from ARP with that peer's address on that circuit. It can grow no table. */
struct circuit_peer {
	__u8 mac[6];
	__u16 known;
} __attribute__((aligned(8)));

struct edge {
	__u8 mac[6]; /* inner source MAC: the edge as a router of every overlay */
	__u16 valid;
	__be32 address; /* local VTEP; tunnels carry their own copy */
	__u32 reserved;
} __attribute__((aligned(8)));

/* ---- records --------------------------------------------------------------------------------------- */

/* Where an endpoint is and how to get there. One cache line. */
struct tunnel {
	__be32 remote[4]; /* IPv4: the first word, the others zero */
	__be32 local[4];
	__u8 next_hop_mac[6];
	__u8 source_mac[6];
	__u32 ifindex;
	__u8 overlay_mac[6]; /* inner destination when the target is no VM of ours */
	__u16 mtu;           /* of the egress interface, bytes */
	__u16 profile;
	__u16 family;  /* 4 */
	__u8 transmit; /* enum transmit */
	__u8 reserved[3];
} __attribute__((aligned(64)));

struct circuit_record {
	__u32 ifindex;
	__be16 vlan;
	__be16 inner_vlan;
	__be32 address; /* ours on this circuit */
	__be32 peer;
	__u8 mac[6]; /* of the NIC */
	__u8 peer_mac[6];
	__u16 mtu;
	__u8 prefix_length;
	__u8 vni[3];
	__u8 transmit; /* enum transmit */
	__u8 reserved[29];
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

struct route4 {
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
	__u64 answered; /* ARP and echo requests that left as replies */
	__u64 dropped;
	__u64 icmp_errors;
	__u64 arp_requests;
};

/* Token bucket for packets of our own, per CPU and hashed source. */
struct reply_limit {
	__u64 last; /* CLOCK_MONOTONIC ns of the last refill */
	__u64 tokens;
};

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
};

/* Written once, when the maps are made. A later host adopts them only if it agrees. */
struct meta {
	__u32 abi_version;
	__u32 vm_capacity;
	__u64 seed;
	__u64 object; /* hash of the object file that the pinned programs were loaded from */
};

#endif
