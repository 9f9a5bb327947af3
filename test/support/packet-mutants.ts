// The packet path with one line broken: every rule that the fixtures are there for, broken once.

export interface Mutant {
  readonly name: string;
  /** Below bpf/. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly from: string;
  readonly to: string;
}

function mutant(file: string, name: string, from: string, to: string): Mutant {
  return { file, name, from, to };
}

export const MUTANTS: readonly Mutant[] = [
  mutant("outer.h", "the TTL is not lowered", "ip->ttl--;", ""),
  mutant("outer.h", "the checksum is not told of the TTL", "ip->check = check + (check >= 0xffff);", ""),
  mutant("outer.h", "RFC 1141 without the correction of RFC 1624", "check + (check >= 0xffff)", "check"),
  mutant(
    "outer.h",
    "the outer identification is not written",
    ".id = dont_fragment ? 0 : identification,",
    ".id = identification | 1,",
  ),
  mutant(
    "outer.h",
    "the outer DF bit is always set",
    ".frag_off = dont_fragment ? bpf_htons(0x4000) : 0,",
    ".frag_off = bpf_htons(0x4000),",
  ),
  mutant("outer.h", "the outer TOS is not written", ".tos = tos,", ""),
  mutant("outer.h", "the outer TTL is a constant", ".ttl = ttl,", ".ttl = 64,"),
  mutant("outer.h", "the outer checksum is not written", "header.check = checksum_ipv4(&header);", ""),
  mutant(
    "outer.h",
    "a mark of congestion does not reach the checksum",
    "ip->check = checksum_replace(ip->check, old, new);",
    "",
  ),
  mutant("outer.h", "the EtherType is not written", "ethernet->h_proto = bpf_htons(ETH_P_IP);", ""),
  mutant("outer.h", "MACs are compared but for their middle", "(x[1] ^ y[1]) | ", ""),
  mutant(
    "vxlan.h",
    "the VNI's first byte is lost",
    "words[1] = vni.word & bpf_htonl(0xffffff00);",
    "words[1] = vni.word & bpf_htonl(0x00ffff00);",
  ),
  mutant(
    "vxlan.h",
    "the flag of the VNI is not looked at",
    "if (!(vxlan->flags & VXLAN_FLAG_VNI))\n\t\treturn false;",
    "",
  ),
  mutant("vxlan.h", "VNI 0 is a VNI", "return vni->word != bpf_htonl(SLOT_USED);", "return true;"),
  mutant("encapsulate.h", "padding travels on", "if (packet->frame_bytes <= wanted)", "if (true)"),
  mutant("encapsulate.h", "the profile's MTU does not count", "if (profile.mtu && profile.mtu < mtu)", "if (false)"),
  mutant(
    "encapsulate.h",
    "packets may be a byte too long",
    "mtu - TUNNEL_OVERHEAD_BYTES;",
    "mtu - TUNNEL_OVERHEAD_BYTES + 1;",
  ),
  mutant("encapsulate.h", "DSCP is always copied", "profile.dscp == PROFILE_DSCP_COPY ?", "true ?"),
  mutant("encapsulate.h", "ECN is copied in compatibility mode", "profile.flags & PROFILE_ECN_COMPATIBILITY ? 0 :", ""),
  mutant(
    "encapsulate.h",
    "the VM's MAC is not used",
    "packet->has_mac ? packet->mac : tunnel->overlay_mac",
    "tunnel->overlay_mac",
  ),
  mutant(
    "encapsulate.h",
    "entropy ports begin too low",
    "#define ENTROPY_PORT_FIRST 49152",
    "#define ENTROPY_PORT_FIRST 0",
  ),
  mutant(
    "decapsulate.h",
    "the outer source is not looked up with the destination",
    "source_find(ip->saddr, ip->daddr, &source)",
    "source_find(ip->saddr, bpf_htonl(0x0a020001), &source)",
  ),
  mutant(
    "decapsulate.h",
    "any tunnel port will do",
    "known && source.port == udp->dest &&",
    "known && service_find(ip->daddr, udp->dest, IPPROTO_UDP) &&",
  ),
  mutant(
    "decapsulate.h",
    "fragments of tunnel packets are taken",
    "if (ip->frag_off & bpf_htons(IPV4_FRAGMENT_MASK))\n\t\t\treturn OUTCOME_DROP(DROP_TUNNEL_FRAGMENT);\n\t\tpacket->from",
    "packet->from",
  ),
  mutant("lookup.h", "membership of acme counts everywhere", "key.low = vni.word;", "key.low = bpf_htonl(0x00006401);"),
  mutant("decapsulate.h", "a member that left stays one", "bpf_ktime_get_ns() >> 30 >= member.until", "false"),
  mutant(
    "decapsulate.h",
    "any server may speak for any VM",
    "if (source_check == SOURCE_CHECK_MEMBER || vm.endpoint == packet->from ||",
    "if (true ||",
  ),
  mutant("decapsulate.h", "a standby may not speak", "endpoint_get(vm.endpoint).standby == packet->from ||", ""),
  mutant("decapsulate.h", "a circuit's addresses may come out of a tunnel", "&& route.kind == ROUTE_KIND_GROUP)", ")"),
  mutant(
    "decapsulate.h",
    "the UDP length is not looked at",
    "||\n\t    bpf_ntohs(udp->len) != length - IPV4_BYTES)",
    ")",
  ),
  mutant(
    "decapsulate.h",
    "the outer length may be longer than the frame",
    "length > packet->frame_bytes - ETHERNET_BYTES || ",
    "",
  ),
  mutant(
    "decapsulate.h",
    "the outer checksum is not verified",
    "if (checksum_fold(checksum_ipv4_sum(ip)) != 0xffff)\n\t\treturn OUTCOME_DROP(DROP_BAD_CHECKSUM);",
    "",
  ),
  mutant(
    "decapsulate.h",
    "group MACs come out of tunnels",
    "if (mac_is_group(inner->h_dest))\n\t\treturn OUTCOME_DROP(DROP_GROUP_MAC);",
    "",
  ),
  mutant(
    "decapsulate.h",
    "congestion that nobody can be told of is forgotten",
    "return outer_ecn == 3 ? OUTCOME_DROP(DROP_CONGESTION) : OUTCOME_CONTINUE;",
    "return OUTCOME_CONTINUE;",
  ),
  mutant(
    "decapsulate.h",
    "ECT(1) of the tunnel is forgotten",
    "else if (outer_ecn == 1 && ecn == 2)",
    "else if (false)",
  ),
  mutant(
    "decapsulate.h",
    "outer IP options are taken",
    "end = match_tunnel(ip, udp, packet);\n\t\t/*",
    "end = match_tunnel(ip, udp, packet);\n\t\tif (!end) return XDP_PASS;\n\t\t/*",
  ),
  mutant("inner.h", "the inner checksum is not verified", "if (checksum_fold(sum) != 0xffff)", "if (false)"),
  mutant("inner.h", "options are not in the checksum", "*sum += words[1];", ""),
  mutant("inner.h", "the total length may be longer than the frame", "|| packet->length > available)", ")"),
  mutant("inner.h", "the header may be shorter than a header", "ip->version != 4 || ip->ihl < 5", "ip->version != 4"),
  mutant("inner.h", "loopback addresses are routed", " || first == 127", ""),
  mutant("inner.h", "martian destinations are routed", " || is_martian_source(packet->destination)", ""),
  mutant(
    "select.h",
    "a stale server is used",
    "if (endpoint.state != ENDPOINT_STATE_UP && endpoint.state != ENDPOINT_STATE_UNKNOWN)",
    "if (false)",
  ),
  mutant(
    "select.h",
    "packets go back where they came from",
    "(index == packet->from ||",
    "((index == packet->from && false) ||",
  ),
  mutant(
    "select.h",
    "gateways pass packets to each other",
    "(packet->from_gateway && endpoint.kind == ENDPOINT_KIND_GATEWAY)",
    "false",
  ),
  mutant(
    "select.h",
    "the standby never takes over",
    "if (refusal == DROP_NO_PATH || refusal == DROP_NO_NEXT_HOP) {",
    "if (false) {",
  ),
  mutant(
    "select.h",
    "the first usable endpoint is not looked for",
    "next = select_next(index, packet->hash, packet->from, packet->from_gateway);",
    "next = DROP_NO_PATH << 16;",
  ),
  mutant(
    "lookup.h",
    "all tenants share their VMs",
    "union halves key = {.low = vni.word, .high = address};\n\tconst struct table_moves *moves = moves_get();\n\tunion vm4_words",
    "union halves key = {.low = bpf_htonl(0x00006401), .high = address};\n\tconst struct table_moves *moves = moves_get();\n\tunion vm4_words",
  ),
  mutant("table.h", "an empty slot matches", "if (!key)\n\t\treturn false;", ""),
  mutant(
    "classify.h",
    "packets to other routers are forwarded",
    "if (!mac_equal(ethernet->h_dest, record->mac))\n\t\treturn OUTCOME_PASS;",
    "",
  ),
  mutant(
    "deliver.h",
    "directed broadcasts are forwarded",
    "(bpf_ntohl(address) | hosts) == bpf_ntohl(address) &&",
    "false &&",
  ),
  mutant("deliver.h", "an unknown peer is sent to", "return peer.known;", "return true;"),
  mutant("respond.h", "anybody's MAC is learned", "if (asker == record->peer && !", "if (!"),
  mutant(
    "respond.h",
    "a configured MAC is replaced by a learned one",
    " && !(circuit.flags & CIRCUIT_PEER_STATIC))\n\t\tlearn_peer",
    ")\n\t\tlearn_peer",
  ),
  mutant("respond.h", "ARP for everybody is answered", " || arp_address(arp->target) != record->address)", ")"),
  mutant(
    "respond.h",
    "an echo reply keeps the request's checksum",
    "icmp->checksum = checksum_lower(icmp->checksum, bpf_htons(ICMP_ECHO_REQUEST << 8));",
    "",
  ),
  mutant("icmp.h", "errors are answered with errors", "|| !is_icmp_query(*type))", ")"),
  mutant(
    "icmp.h",
    "later fragments are answered",
    "if (packet->fragment & bpf_htons(IPV4_OFFSET_MASK))\n\t\treturn false;",
    "",
  ),
  mutant("icmp.h", "errors quote too much", "#define ICMP_QUOTE_MAX (576 -", "#define ICMP_QUOTE_MAX (580 -"),
  mutant(
    "icmp.h",
    "an odd last byte is left out of the checksum",
    "for (int i = 0; i < 3; i++) {",
    "for (int i = 0; i < 2; i++) {",
  ),
  mutant("icmp.h", "the next hop's MTU is not told", ".mtu = bpf_htons(mtu),", ""),
  mutant("icmp.h", "answers are not limited in size by the packet", "if (quote > ICMP_QUOTE_MAX)", "if (true)"),
  mutant(
    "verdict.h",
    "redirects to the ingress port are XDP_TX",
    "ifindex == packet->ingress && transmit == TRANSMIT_DIRECT",
    "ifindex == packet->ingress",
  ),
  mutant("verdict.h", "answers count as forwarded", "else if (end & OUTCOME_ANSWERED)", "else if (false)"),
  mutant(
    "verdict.h",
    "drops are counted with their length after trimming",
    "drop->bytes += packet->received_bytes;",
    "drop->bytes += packet->length;",
  ),
  mutant(
    "unum.bpf.c",
    "packets that may be fragmented get errors too",
    "if (!(packet->fragment & bpf_htons(IPV4_DONT_FRAGMENT)))",
    "if (false)",
  ),
  mutant("unum.bpf.c", "a packet goes back to its circuit", "if (packet->to_circuit == packet->circuit)", "if (false)"),
  mutant("unum.bpf.c", "a route leads to another tenant's circuit", "|| circuit.tenant != packet->tenant)", ")"),
  mutant(
    "unum.bpf.c",
    "errors that were not sent are counted",
    "if (!verdict_is_sent(end))\n\t\treturn OUTCOME_DROP(reason);\n\tcount_own(false);",
    "count_own(false);\n\tif (!verdict_is_sent(end))\n\t\treturn OUTCOME_DROP(reason);",
  ),
];
