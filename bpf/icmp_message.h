/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* icmp_message.h - the messages of ICMP (RFC 792, 1191), ICMPv6 (RFC 4443) and ND (RFC 4861). */
#ifndef UNUM_ICMP_MESSAGE_H
#define UNUM_ICMP_MESSAGE_H

#include "packet.h"

/* linux/icmp.h needs a C library. */
struct icmp_header {
	__u8 type;
	__u8 code;
	__u16 checksum;
	__be16 unused; /* identifier of echo */
	__be16 mtu;    /* sequence number of echo */
};

struct icmp6_header {
	__u8 type;
	__u8 code;
	__u16 checksum;
	__be32 value; /* the MTU of packet too big, identifier and sequence number of echo */
};

enum icmp_type {
	ICMP_ECHO_REPLY = 0,
	ICMP_ECHO_REQUEST = 8,
	ICMP_TIMESTAMP = 13,
	ICMP_TIMESTAMP_REPLY = 14,
};

enum icmp6_type {
	ICMP6_QUERY_FIRST = 128, /* below: errors */
	ICMP6_ECHO_REQUEST = 128,
	ICMP6_ECHO_REPLY = 129,
	ICMP6_NEIGHBOUR_SOLICITATION = 135,
	ICMP6_NEIGHBOUR_ADVERTISEMENT = 136,
	ICMP6_REDIRECT = 137,
};

/* Type and code of the errors that a router of ours sends. */
enum icmp_error_kind {
	ICMP_FRAGMENTATION_NEEDED = 3 << 8 | 4,
	ICMP_TTL_EXPIRED = 11 << 8 | 0,
	ICMP6_PACKET_TOO_BIG = 2 << 8 | 0,
	ICMP6_HOP_LIMIT_EXCEEDED = 3 << 8 | 0,
};

/* Neighbour solicitation or advertisement, with the one option that we send. */
struct neighbour_message {
	struct icmp6_header icmp; /* value: flags of an advertisement */
	__u32 target[4];
};

struct neighbour_option {
	__u8 type;
	__u8 length; /* in units of eight bytes */
	__u8 mac[ETH_ALEN];
};

enum neighbour_option_type {
	NEIGHBOUR_SOURCE_MAC = 1,
	NEIGHBOUR_TARGET_MAC = 2,
};

#define NEIGHBOUR_FLAG_ROUTER 0x80000000
#define NEIGHBOUR_FLAG_SOLICITED 0x40000000
#define NEIGHBOUR_FLAG_OVERRIDE 0x20000000

#endif
