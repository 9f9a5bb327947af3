// The packet path with one line broken, continued: formats, families, tags, and IPv6 inside.

import { type Mutant, mutant } from "./packet-mutant.ts";

const tunnels: readonly Mutant[] = [
  mutant(
    "packet.h",
    "MACs are compared but for their middle",
    "(*(const mac_start *)a ^ *(const mac_start *)b)",
    "(*(const mac_part *)a ^ *(const mac_part *)b)",
  ),
  mutant("packet.h", "the last word of an IPv6 address does not count", " | (x[3] ^ y[3]));", ");"),
  mutant(
    "packet.h",
    "the overhead of IPv6 is that of IPv4",
    "family == FAMILY_IPV6 ? IPV6_BYTES : IPV4_BYTES",
    "IPV4_BYTES",
  ),
  mutant("geneve.h", "Geneve of any version is taken", "geneve->version_and_length >> GENEVE_VERSION_SHIFT ||", ""),
  mutant("geneve.h", "control packets are taken", "||\n\t    geneve->flags & GENEVE_FLAG_CONTROL)", ")"),
  mutant(
    "geneve.h",
    "the critical bit means nothing",
    "critical = geneve->flags & GENEVE_FLAG_CRITICAL;",
    "critical = false;",
  ),
  mutant(
    "geneve.h",
    "critical options mean nothing",
    "return critical ? OUTCOME_DROP(DROP_CRITICAL_OPTION) : OUTCOME_CONTINUE;",
    "return OUTCOME_CONTINUE;",
  ),
  mutant("geneve.h", "options may be longer than the header says", "if (body + 1 > words)", "if (body > words)"),
  mutant(
    "geneve.h",
    "an option's reserved bits are part of its length",
    "option->length & GENEVE_OPTION_MASK",
    "option->length",
  ),
  mutant(
    "geneve.h",
    "VNI 0 is a VNI of Geneve",
    "if (vni->word == bpf_htonl(SLOT_USED))\n\t\treturn OUTCOME_DROP(DROP_BAD_TUNNEL_HEADER);",
    "",
  ),
  mutant("nvgre.h", "GRE flags are not looked at", "nvgre->flags_and_version != bpf_htons(NVGRE_FLAG_KEY)", "false"),
  mutant("nvgre.h", "the flow id is not written", "| bpf_htonl(flow_id);", "| bpf_htonl(0x100);"),
  mutant("nvgre.h", "any protocol is taken for Ethernet", "nvgre->protocol != bpf_htons(ETHERTYPE_ETHERNET)", "false"),
  mutant("outer.h", "the flow label is part of the class", "(flow & 0xfffff)", "(flow & 0xfffffff)"),
  mutant(
    "encapsulate.h",
    "Geneve is VXLAN",
    "if (profile.encapsulation == ENCAPSULATION_GENEVE && features.geneve)",
    "if (false)",
  ),
  mutant(
    "encapsulate.h",
    "formats that do not exist are VXLAN",
    "profile.value.encapsulation > ENCAPSULATION_NVGRE",
    "false",
  ),
  mutant(
    "encapsulate.h",
    "IPv6 inside is called IPv4",
    "inner6 ? ETH_P_IPV6 : ETH_P_IP);\n\tif (inner6)",
    "ETH_P_IP);\n\tif (inner6)",
  ),
  mutant(
    "udp_checksum.h",
    "a UDP checksum of 0 is sent as none",
    "udp->check = check ? check : 0xffff;",
    "udp->check = check + 1;",
  ),
  mutant(
    "decapsulate.h",
    "a UDP checksum is never wrong",
    "udp_sum(ctx, udp, outer->end - udp, outer->family) != 0xffff)",
    "false)",
  ),
  mutant(
    "match.h",
    "UDP from an endpoint of NVGRE is its tunnel",
    "(source.encapsulation == ENCAPSULATION_NVGRE) == transport.nvgre) {",
    "true) {",
  ),
  mutant(
    "match.h",
    "the UDP length is not looked at",
    "(!transport.nvgre && bpf_ntohs(transport.length) != length - IPV4_BYTES))",
    "false)",
  ),
  mutant("match.h", "the UDP length over IPv6 is not looked at", "(!gre && bpf_ntohs(udp->len) != payload))", "false)"),
  mutant(
    "match.h",
    "the outer length may be longer than the frame",
    "length > packet->frame_bytes - ETHERNET_BYTES ||",
    "",
  ),
  mutant(
    "match.h",
    "the outer IPv6 length may be longer than the frame",
    "payload > packet->frame_bytes - ETHERNET_BYTES - IPV6_BYTES ||",
    "",
  ),
  mutant(
    "match.h",
    "outer IP options are taken",
    "return end ? end : OUTCOME_DROP(DROP_BAD_TUNNEL_HEADER);",
    "if (end)\n\t\t\treturn end;",
  ),
  mutant(
    "match.h",
    "fragments over IPv6 are the stack's",
    "return OUTCOME_DROP(DROP_TUNNEL_FRAGMENT);\n\t\tif (ip->nexthdr == NEXT_HOP",
    "return OUTCOME_PASS;\n\t\tif (ip->nexthdr == NEXT_HOP",
  ),
  mutant(
    "decapsulate.h",
    "the outer class is never taken over",
    "packet->tos = (packet->tos & 0x03) | (outer->tos & 0xfc);",
    "",
  ),
  mutant(
    "decapsulate.h",
    "the outer class takes ECN with it",
    "(packet->tos & 0x03) | (outer->tos & 0xfc);",
    "outer->tos;",
  ),
  mutant(
    "lookup.h",
    "all tenants share their VMs",
    "return TABLE_FIND(vms4, key.word,",
    "key.low = bpf_htonl(0x00006401);\n\treturn TABLE_FIND(vms4, key.word,",
  ),
  mutant(
    "lookup.h",
    "all tenants share their IPv6 VMs",
    "key = key3_of(vni, address);\n\treturn TABLE_FIND3(vms6,",
    "key = key3_of(vni ? bpf_htonl(0x0a0b0c01) : 0, address);\n\treturn TABLE_FIND3(vms6,",
  ),
];

const inner: readonly Mutant[] = [
  mutant("inner.h", "martian destinations are routed", "|| is_martian_source(packet->destination.v4))", ")"),
  mutant(
    "inner.h",
    "IPv6 loopback is routed",
    "bpf_ntohl(address->words[3]) <= 1);",
    "bpf_ntohl(address->words[3]) < 1);",
  ),
  mutant("inner.h", "IPv4-mapped addresses are routed", "address->words[2] == bpf_htonl(0xffff) ||", ""),
  mutant(
    "inner.h",
    "link-local covers too little",
    "bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000)",
    "bpf_htonl(0xffff0000)) == bpf_htonl(0xfe800000)",
  ),
  mutant(
    "inner.h",
    "IPv6 packets may be longer than the frame",
    "if (IPV6_BYTES + bpf_ntohs(ip->payload_len) > available)",
    "if (IPV6_BYTES + bpf_ntohs(ip->payload_len) > available + 65535)",
  ),
  mutant("inner.h", "extension headers may be longer than the packet", "if (at > packet->length)", "if (false)"),
  mutant(
    "inner.h",
    "authentication is measured as options are",
    "bytes = (header->length + 2) * 4;",
    "bytes = (header->length + 1) * 8;",
  ),
  mutant("outer.h", "the hop limit is not lowered", "ip->hop_limit--;", ";"),
  mutant(
    "outer.h",
    "the class of IPv6 inside stays as it was",
    "ip->flow_lbl[0] = class << 4 | (ip->flow_lbl[0] & 0x0f);",
    "",
  ),
  mutant(
    "outer.h",
    "the outer tag is 802.1Q",
    "ethertype_set(ethernet, record->tag);",
    "ethertype_set(ethernet, bpf_htons(ETH_P_8021Q));",
  ),
  mutant("outer.h", "the inner tag has the outer VLAN", ".control = record->inner_vlan,", ".control = record->vlan,"),
  mutant(
    "classify.h",
    "the kind of an outer tag does not count",
    "record->tag == link->tag) ? record : NULL",
    "true) ? record : NULL",
  ),
  mutant(
    "classify.h",
    "priority tags are VLANs",
    "if (!link->vlan && link->tag == bpf_htons(ETH_P_8021Q))",
    "if (false)",
  ),
  mutant(
    "classify.h",
    "priorities are part of a VLAN",
    "link->vlan = tag->control & bpf_htons(VLAN_ID_MASK);",
    "link->vlan = tag->control;",
  ),
  mutant("classify.h", "multicast is routed", "!to_port || is_multicast6(&to) || is_link_local6(&to)", "!to_port"),
];

export const MIX_MUTANTS: readonly Mutant[] = [...tunnels, ...inner];
