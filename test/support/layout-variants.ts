// Builds of the packet path with other layouts of their maps: what a release before or after this one may look like.

import type { Build } from "./packet-mutant-build.ts";
import { compileEdited } from "./packet-mutant-build.ts";

type Edit = readonly [from: string, to: string];

/** Replaces texts that each stand in a file once. */
function edited(file: string, edits: readonly Edit[]): (text: string) => string {
  return (text) =>
    edits.reduce((result, [from, to]) => {
      if (result.split(from).length === 2) return result.replace(from, () => to);
      throw new Error(`edit bpf/${file}: ${JSON.stringify(from)} does not stand there once`);
    }, text);
}

const version = (number: number): Edit => ["	UNUM_ABI_VERSION = 3,", `	UNUM_ABI_VERSION = ${number},`];

/** The build before meta counted its writers. */
const BEFORE: readonly Edit[] = [
  version(2),
  ["	__u64 writers; /* who took the lock to write, so far: each counts itself before its first write */\n", ""],
];

/** Fields that are new in the middle, moved, and wider; numbers that are new in the middle; a map that is new. */
const AFTER: readonly Edit[] = [
  version(4),
  // A record: a field in the middle, which moves those behind it.
  [
    "	__u32 reserved;\n	__be32 address6[4];\n	__u64 direct_preferred;",
    "	__u32 reserved;\n	__u64 colour;\n	__be32 address6[4];\n	__u64 direct_preferred;",
  ],
  ["	__u8 reserved_end[16];", "	__u8 reserved_end[8];"],
  // One that is wider.
  ["	__u8 transmit; /* enum transmit */\n	__u8 reserved[3];", "	__u32 transmit; /* enum transmit */"],
  ["	char text[128];", "	char text[256];"],
  // Counters, in front and in the middle.
  ["struct packet_counters {\n", "struct packet_counters {\n	__u64 weather;\n"],
  ["	__u64 tx_bytes;\n	__u64 rx_packets;", "	__u64 tx_bytes;\n	__u64 tx_errors;\n	__u64 rx_packets;"],
  ["	DROP_BAD_CHECKSUM,", "	DROP_SUNSPOTS,\n	DROP_BAD_CHECKSUM,"],
  ["	ENDPOINT_STATE_UP,", "	ENDPOINT_STATE_DRAINING,\n	ENDPOINT_STATE_UP,"],
  [
    "	PROFILE_DONT_FRAGMENT = 0x02,\n	PROFILE_ENTROPY_L3 = 0x04,",
    "	PROFILE_DONT_FRAGMENT = 0x04,\n	PROFILE_ENTROPY_L3 = 0x02,",
  ],
  // Words that packets write, slots, rows of a trie.
  ["	__u8 mac[6];\n	__u16 heard;", "	__u16 heard;\n	__u8 mac[6];"],
  [
    "	__u16 mtu; /* outer packet, bytes; 0: nothing was learned */\n	__u16 reserved;",
    "	__u16 reserved;\n	__u16 mtu;",
  ],
  ["	__u8 member_flags;\n	__u8 reserved;", "	__u8 reserved;\n	__u8 member_flags;"],
  [
    "	__u8 kind;\n	__u8 prefix_length; /* of the prefix alone */\n	__u16 target;",
    "	__u16 target;\n	__u8 kind;\n	__u8 prefix_length;",
  ],
  ["	__u64 seed;\n", "	__u64 weather;\n	__u64 seed;\n"],
];

const AFTER_MAPS: readonly Edit[] = [
  ["WORDS(meta, struct meta, 1);", "WORDS(meta, struct meta, 1);\nWORDS(weather, __u64, 4);"],
];

/** Compiles the build of an earlier release. */
export function compileBefore(): Promise<Build> {
  return compileEdited({ "abi.h": edited("abi.h", BEFORE) });
}

/** Compiles that of a later one; `more` edits its abi.h further. */
export function compileAfter(more: readonly Edit[] = [], maps: readonly Edit[] = []): Promise<Build> {
  return compileEdited({
    "abi.h": edited("abi.h", [...AFTER, ...more]),
    "maps.h": edited("maps.h", [...AFTER_MAPS, ...maps]),
  });
}

/** One whose VM slots have their fields in another order. */
export function compileOtherSlots(): Promise<Build> {
  const slot: Edit = [
    "	__u8 mac[6];\n	__u16 endpoint : 14;\n	__u16 policy : 2; /* enum path_policy */",
    "	__u16 endpoint : 14;\n	__u16 policy : 2;\n	__u8 mac[6];",
  ];
  const value: Edit = [
    "		__u8 mac[6];\n		__u16 endpoint : 14;\n		__u16 policy : 2;",
    "		__u16 endpoint : 14;\n		__u16 policy : 2;\n		__u8 mac[6];",
  ];
  const slot6: Edit = [
    "	__u8 mac[6];\n	__u16 endpoint : 14;\n	__u16 policy : 2;\n};",
    "	__u16 endpoint : 14;\n	__u16 policy : 2;\n	__u8 mac[6];\n};",
  ];
  return compileEdited({ "abi.h": edited("abi.h", [slot, slot6]), "packet.h": edited("packet.h", [value]) });
}
