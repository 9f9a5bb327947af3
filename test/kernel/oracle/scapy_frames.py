# SPDX-License-Identifier: Apache-2.0
"""Random packets of customers and servers, and what the edge is to make of them, as scapy builds both.

    scapy_frames.py WORLD OUTPUT COUNT SEED

WORLD is a JSON file: the document, next hops, ports and learned MACs of test/support/packet-world.ts. OUTPUT gets a line of JSON
for each packet: its way, what is known about its headers, and twice a frame in hexadecimal: what comes in, and what is to leave
with everything zero that the edge may choose (UDP source port, flow label, flow id, identification of what may be fragmented).
A way is "in" (circuit to tunnel), "out" (tunnel to circuit) or "over" (tunnel to tunnel).
"""

import functools
import json
import random
import sys

from scapy.config import conf
from scapy.contrib.geneve import GENEVE, GeneveOptions
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop, PadN
from scapy.layers.l2 import GRE, Dot1AD, Dot1Q, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw

from scapy_world import tenants_of

conf.verb = 0

SENDER_MAC = "02:c0:00:00:00:01"
UNDERLAY_PORT = "u0"
LETTERS = bytes(0x61 + value % 26 for value in range(256))
LONGEST_HEADERS = 160
PAYLOADS = [0, 1, 2, 3, 7, 8, 17, 18, 63, 64, 65, 255, 600, 1000, 1300, 1422]
# RFC 6040 figure 4: rows are the inner code point, columns the outer one.
ECN = [[0, 0, 0, None], [1, 1, 1, 3], [2, 1, 2, 3], [3, 3, 3, 3]]


def built(*layers):
    """The bytes of layers one in the other. Added to each other, and explicit: scapy's own way copies each of them twice."""
    for outer, inner in zip(layers, layers[1:]):
        outer.add_payload(inner)
    for layer in layers:
        layer.explicit = 1
    return bytes(layers[0])


@functools.lru_cache(maxsize=None)
def link(destination, source, type_, tags=()):
    """An Ethernet header with tags, which are many frames'."""
    types = [tag for tag, _ in tags] + [type_]
    frame = Ether(dst=destination, src=source, type=types[0])
    for (tag, vlan), following in zip(tags, types[1:]):
        frame = frame / (Dot1AD if tag == 0x88A8 else Dot1Q)(vlan=vlan, type=following)
    return bytes(frame)


def ephemeral(rng):
    """A port that no protocol is looked for on."""
    return rng.randrange(61000, 65536)


def letters(rng, count):
    """Random bytes that no heuristic takes for a protocol: tshark would call that malformed."""
    return rng.randbytes(count).translate(LETTERS)


def random_tos(rng):
    return rng.choice([0, 0, rng.randrange(256)])


class Inner:
    """An inner packet as it was sent, and as it is after any number of changes."""

    def __init__(self, rng, source, destination, room):
        self.six = ":" in source
        self.tos = random_tos(rng)
        ttl = rng.choice([2, 3, 64, 64, 64, 128, 255, rng.randrange(2, 256)])
        self.fields = {"src": source, "dst": destination}
        if self.six:
            self.fields.update(hlim=ttl, fl=rng.randrange(2**20))
        else:
            self.fields.update(ttl=ttl, id=rng.randrange(65536), flags=rng.choice([0, 0, "DF", "DF"]))
        self.mss = None
        self.make_above(rng)
        size = rng.choice([rng.randrange(200), rng.choice(PAYLOADS), 8800 if rng.random() < 0.02 else 40])
        # What its headers take is asked for only where it matters.
        if size + LONGEST_HEADERS > room:
            size = max(0, min(size, room - len(self.build())))
        self.payload = letters(rng, size)

    def make_above(self, rng):
        """What is between the IP header and the payload."""
        kind = rng.randrange(10)
        self.payload = b""
        self.protocol = None
        self.above = None
        self.tcp = None
        if kind < 4:
            ends = {"sport": ephemeral(rng), "dport": ephemeral(rng)}
            self.above = lambda: UDP(**ends)
        elif kind < 8:
            options = rng.choice([[], ["mss"], [("NOP", None), ("NOP", None), "mss"], [("NOP", None), ("Timestamp", (7, 0))]])
            if "mss" in options:
                self.mss = rng.choice([536, 1200, 1300, 1390, 1460, 8960])
            self.tcp = {"sport": ephemeral(rng), "dport": ephemeral(rng), "seq": rng.randrange(2**32)}
            self.tcp["flags"] = rng.choice(["S", "SA", "A", "PA", "R"])
            self.options = options
        elif kind == 8:
            echo = ICMPv6EchoRequest if self.six else ICMP
            numbers = {"id": rng.randrange(65536), "seq": rng.randrange(65536)}
            self.above = lambda: echo(**({} if self.six else {"type": 8}), **numbers)
        else:
            self.protocol = rng.choice([253, 254])
        self.extensions = []
        if self.six and rng.random() < 0.1 and self.protocol is None:
            kind, bytes_ = rng.choice([IPv6ExtHdrHopByHop, IPv6ExtHdrDestOpt]), rng.choice([4, 12])
            self.extensions = [lambda: kind(options=[PadN(optdata=b"\0" * bytes_)])]

    def build(self, tos=None, hops=0, mss_limit=None):
        """Its bytes with that TOS, after so many hops, with its MSS lowered to a limit."""
        fields = dict(self.fields)
        fields["hlim" if self.six else "ttl"] -= hops
        fields["tc" if self.six else "tos"] = self.tos if tos is None else tos
        if self.protocol is not None:
            fields["nh" if self.six else "proto"] = self.protocol
        layers = [(IPv6 if self.six else IP)(**fields), *(make() for make in self.extensions)]
        if self.tcp is not None:
            mss = self.mss
            if mss is not None and "S" in self.tcp["flags"] and mss_limit is not None:
                mss = min(mss, mss_limit)
            options = [("MSS", mss) if option == "mss" else option for option in self.options]
            layers.append(TCP(**self.tcp, options=options))
        elif self.above is not None:
            layers.append(self.above())
        return built(*layers, *([Raw(self.payload)] if self.payload else []))

    def type(self):
        return 0x86DD if self.six else 0x0800


@functools.lru_cache(maxsize=4096)
def tunnel_header(format_, vni, flow_id):
    """The header of a tunnel without options."""
    if format_ == "nvgre":
        return bytes(GRE(key_present=1, proto=0x6558, key=vni << 8 | flow_id))
    return bytes(VXLAN(flags=8, vni=vni) if format_ == "vxlan" else GENEVE(vni=vni, proto=0x6558))


def tunneled(ip, endpoint, tenant, source_port, flow_id, options, frame):
    """The bytes of ip and all that is behind it, around the inner frame."""
    if endpoint.format == "geneve" and options:
        header = bytes(GENEVE(vni=tenant.vni, proto=0x6558, options=options))
    else:
        header = tunnel_header(endpoint.format, tenant.vni, flow_id)
    if endpoint.format == "nvgre":
        setattr(ip, "nh" if endpoint.six else "proto", 47)
        return built(ip, Raw(header + frame))
    udp = UDP(sport=source_port, dport=endpoint.port)
    if not endpoint.summed:
        udp.chksum = 0
    # In pieces: scapy takes what is behind a known port for what it knows there.
    return built(ip, udp, Raw(header + frame))


def outer_ip(endpoint, source, destination, tos, ttl, flow_label, identification, flags):
    if endpoint.six:
        return IPv6(src=source, dst=destination, tc=tos, hlim=ttl, fl=flow_label)
    return IP(src=source, dst=destination, tos=tos, ttl=ttl, id=identification, flags=flags)


def sent_to(world, endpoint, tenant, mac, inner, packet, tos):
    """The frame that packet, made of inner, leaves in."""
    edge = world["document"]["edge"]
    dscp = tos & 0xFC if endpoint.dscp == "copy" else endpoint.dscp << 2
    ecn = tos & 3 if endpoint.marks else 0
    own = edge["address6"] if endpoint.six else edge["address"]
    ip = outer_ip(endpoint, own, endpoint.address, dscp | ecn, endpoint.ttl, 0, 0, "DF" if endpoint.whole else 0)
    hop = endpoint.hop
    outer = link(hop["mac"], world["ports"][hop["port"]]["mac"], 0x86DD if endpoint.six else 0x0800)
    return outer + tunneled(ip, endpoint, tenant, 0, 0, [], link(mac, edge["mac"], inner.type()) + packet)


def received_from(rng, world, endpoint, tenant, inner, tos):
    """What endpoint sends, around inner."""
    edge = world["document"]["edge"]
    options = []
    if rng.random() < 0.3:
        for _ in range(rng.randrange(1, 4)):
            data = rng.randbytes(4 * rng.randrange(4))
            options.append(GeneveOptions(classid=rng.randrange(65536), type=rng.randrange(128), data=data))
    own = edge["address6"] if endpoint.six else edge["address"]
    ttl, flow_label, identification = rng.randrange(1, 256), rng.randrange(2**20), rng.randrange(65536)
    ip = outer_ip(endpoint, endpoint.address, own, tos, ttl, flow_label, identification, rng.choice(["DF", 0]))
    frame = link(edge["mac"], SENDER_MAC, inner.type()) + inner.build()
    outer = link(world["ports"][UNDERLAY_PORT]["mac"], SENDER_MAC, 0x86DD if endpoint.six else 0x0800)
    return outer + tunneled(ip, endpoint, tenant, rng.randrange(1024, 65536), rng.randrange(256), options, frame)


def circuit_frame(circuit, destination, source, type_, packet):
    """packet with the tags of circuit in front of it."""
    return link(destination, source, type_, tuple(circuit.tags)) + packet


def mss_limit(ends, six):
    """What the tunnels at the ends of a packet's way leave for a segment, where their profiles ask for that."""
    rooms = [end.room for end in ends if end.clamps]
    return min(rooms) - (60 if six else 40) if rooms else None


def combined(inner, outer_tos, endpoint):
    """The TOS after decapsulation; None: dropped."""
    ecn = ECN[inner.tos & 3][outer_tos & 3]
    return None if ecn is None else (outer_tos if endpoint.uniform else inner.tos) & 0xFC | ecn


def record(way, port, leaves, tenant, mix, incoming, leaving, to=None):
    """What packet-scapy.test.ts wants to know."""
    tunnel = None
    if to is not None:
        tunnel = {"six": to.six, "format": to.format, "whole": to.whole, "summed": to.summed, "endpoint": to.name}
    return {
        **{"way": way, "port": port, "leaves": leaves, "vni": tenant.vni, "mix": mix, "tunnel": tunnel},
        **{"incoming": incoming.hex(), "leaving": leaving.hex()},
    }


def from_circuit(rng, world, tenant, family):
    circuit = rng.choice(tenant.circuits[family])
    address, mac, endpoint = rng.choice(tenant.vms[family])
    room = min(endpoint.room, world["ports"][circuit.port]["mtu"])
    inner = Inner(rng, circuit.peers[family], address, room)
    incoming = circuit_frame(circuit, circuit.mac, SENDER_MAC, inner.type(), inner.build())
    if rng.random() < 0.2:
        incoming += rng.randbytes(rng.randrange(1, 60))
    packet = inner.build(hops=1, mss_limit=mss_limit([endpoint], inner.six))
    leaving = sent_to(world, endpoint, tenant, mac, inner, packet, inner.tos)
    mix = f"in {endpoint.format} over IPv{6 if endpoint.six else 4}, IPv{family}, {len(circuit.tags)} tags"
    return record("in", circuit.port, endpoint.hop["port"], tenant, mix, incoming, leaving, endpoint)


def from_tunnel(rng, world, tenant, family):
    source, _, endpoint = rng.choice(tenant.vms[family])
    others = [vm for vm in tenant.vms[family] if vm[2] is not endpoint]
    over = bool(others) and rng.random() < 0.4
    outer_tos = random_tos(rng)
    if over:
        address, mac, to = rng.choice(others)
        inner = Inner(rng, source, address, min(to.room, 1420))
    else:
        circuit = rng.choice(tenant.circuits[family])
        inner = Inner(rng, source, circuit.peers[family], min(circuit.mtu, 1420))
    tos = combined(inner, outer_tos, endpoint)
    if tos is None:
        outer_tos &= 0xFC
        tos = combined(inner, outer_tos, endpoint)
    incoming = received_from(rng, world, endpoint, tenant, inner, outer_tos)
    if rng.random() < 0.2:
        incoming += rng.randbytes(rng.randrange(1, 60))
    name = f"{endpoint.format} over IPv{6 if endpoint.six else 4}"
    if over:
        packet = inner.build(tos, 1, mss_limit([endpoint, to], inner.six))
        leaving = sent_to(world, to, tenant, mac, inner, packet, tos)
        mix = f"over {name} to {to.format} over IPv{6 if to.six else 4}, IPv{family}"
        return record("over", UNDERLAY_PORT, to.hop["port"], tenant, mix, incoming, leaving, to)
    packet = inner.build(tos, 1, mss_limit([endpoint], inner.six))
    leaving = circuit_frame(circuit, circuit.peer_macs[family], circuit.mac, inner.type(), packet)
    mix = f"out {name}, IPv{family}, {len(circuit.tags)} tags"
    return record("out", UNDERLAY_PORT, circuit.port, tenant, mix, incoming, leaving)


def main(world_path, output_path, count, seed):
    with open(world_path, encoding="utf-8") as file:
        world = json.load(file)
    tenants = tenants_of(world)
    # One tenant has nearly every mix: it gets half of the packets.
    largest = max(tenants, key=lambda tenant: len(tenant.vms[6]))
    rng = random.Random(seed)
    with open(output_path, "w", encoding="ascii") as output:
        for _ in range(count):
            tenant = largest if rng.random() < 0.5 else rng.choice(tenants)
            family = rng.choice([family for family in (4, 6) if tenant.vms[family] and tenant.circuits[family]])
            way = from_circuit if rng.random() < 0.5 else from_tunnel
            output.write(json.dumps(way(rng, world, tenant, family), separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
