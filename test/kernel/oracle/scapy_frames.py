# SPDX-License-Identifier: Apache-2.0
"""Random packets of customers, and what they are to be in their tunnels, as scapy builds both.

    scapy_frames.py WORLD OUTPUT COUNT SEED

WORLD is a JSON file: the document, next hops and ports of test/support/packet-world.ts. OUTPUT gets, for each packet, in network
order: the VNI (4 bytes); 1 if the outer packet must not be fragmented, else 0 (1 byte); the name of the ingress port (2 bytes);
then twice a length (4 bytes) and a frame: what comes in, and what is to leave with UDP source port 0 and, where it may be
fragmented, identification 0.
"""

import json
import random
import struct
import sys

from scapy.config import conf
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw

conf.verb = 0

CUSTOMER_MAC = "02:c0:00:00:00:01"
# Circuits: ingress port, tenant, customer's address.
CIRCUITS = [("a0", "acme", "10.1.0.2"), ("a1", "other", "10.1.0.2"), ("b0", "arm", "10.5.0.2")]
LETTERS = bytes(0x61 + value % 26 for value in range(256))
PAYLOADS = [0, 1, 2, 3, 7, 8, 17, 18, 63, 64, 65, 255, 600, 1000, 1300, 1422]


def ephemeral(rng):
    """A port that no protocol is looked for on."""
    return rng.randrange(61000, 65536)


def letters(rng, count):
    """Random bytes that no heuristic takes for a protocol: tshark would call that malformed."""
    return rng.randbytes(count).translate(LETTERS)


def inner_packet(rng, source, destination, room):
    """An IPv4 packet of at most room bytes, in layers, not built yet."""
    ip = IP(
        src=source,
        dst=destination,
        ttl=rng.choice([2, 3, 64, 64, 64, 128, 255, rng.randrange(2, 256)]),
        tos=rng.choice([0, 0, rng.randrange(256)]),
        id=rng.randrange(65536),
        flags=rng.choice([0, 0, "DF", "DF"]),
    )
    kind = rng.randrange(10)
    if kind < 5:
        above = UDP(sport=ephemeral(rng), dport=ephemeral(rng))
    elif kind < 8:
        above = TCP(
            sport=ephemeral(rng),
            dport=ephemeral(rng),
            seq=rng.randrange(2**32),
            flags=rng.choice(["S", "A", "PA", "FA", "R"]),
            options=rng.choice([[], [("MSS", 1460)], [("NOP", None), ("NOP", None), ("Timestamp", (rng.randrange(2**32), 0))]]),
        )
    elif kind == 8:
        above = ICMP(type=8, id=rng.randrange(65536), seq=rng.randrange(65536))
    else:
        ip.proto = rng.choice([253, 254])
        above = None
    headers = 20 + (0 if above is None else len(above))
    size = rng.choice([rng.randrange(200), rng.choice(PAYLOADS)])
    payload = letters(rng, max(0, min(size, room - headers)))
    packet = ip if above is None else ip / above
    return packet / Raw(payload) if payload else packet


def outer_frame(world, endpoint, vni, inner_mac, inner, packet):
    """The frame that packet, the bytes of inner, leaves in."""
    hop = world["hops"][endpoint["name"]]
    profile = endpoint["profile"]
    dscp = profile.get("dscp", "copy")
    ecn = inner.tos & 3 if profile.get("ecn", "normal") == "normal" else 0
    tos = (inner.tos & 0xFC if dscp == "copy" else dscp << 2) | ecn
    whole = profile.get("dontFragment", True)
    # One hop on: the same header with a lower TTL, and a checksum of its own.
    header = inner.copy()
    header.remove_payload()
    header.ttl -= 1
    header.len = len(packet)
    header.proto = packet[9]
    return (
        Ether(dst=hop["mac"], src=world["ports"][hop["port"]]["mac"])
        / IP(
            src=world["document"]["edge"]["address"],
            dst=endpoint["address"],
            ttl=profile.get("ttl", 64),
            tos=tos,
            id=0,
            flags="DF" if whole else 0,
        )
        / UDP(sport=0, dport=profile.get("port", 4789), chksum=0)
        / VXLAN(flags=8, vni=vni)
        / Ether(dst=inner_mac, src=world["document"]["edge"]["mac"], type=0x0800)
        / Raw(bytes(header) + packet[20:])
    ), whole


def main(world_path, output_path, count, seed):
    with open(world_path, encoding="utf-8") as file:
        world = json.load(file)
    document = world["document"]
    rng = random.Random(seed)
    with open(output_path, "wb") as output:
        for _ in range(count):
            port, tenant_name, source = rng.choice(CIRCUITS)
            tenant = document["tenants"][tenant_name]
            reachable = [(a, vm) for a, vm in tenant["vms"].items() if vm["server"] in world["hops"]]
            address, vm = rng.choice(reachable)
            server = document["servers"][vm["server"]]
            profile = document["profiles"][server.get("profile", "default")]
            endpoint = {"name": vm["server"], "address": server["address"], "profile": profile}
            mtu = min(world["ports"][world["hops"][vm["server"]]["port"]]["mtu"], profile.get("mtu", 65535), 1500)
            inner = inner_packet(rng, source, address, mtu - 50)
            packet = bytes(inner)
            incoming = bytes(Ether(dst=world["ports"][port]["mac"], src=CUSTOMER_MAC, type=0x0800)) + packet
            if rng.random() < 0.2:
                incoming += rng.randbytes(rng.randrange(1, 60))
            outer, whole = outer_frame(world, endpoint, tenant["vni"], vm["mac"], inner, packet)
            leaving = bytes(outer)
            output.write(struct.pack("!IB2s", tenant["vni"], whole, port.encode()))
            for frame in (incoming, leaving):
                output.write(struct.pack("!I", len(frame)) + frame)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
