# SPDX-License-Identifier: Apache-2.0
"""The world of test/support/packet-world.ts as scapy_frames.py needs it: who sends, who receives, in which headers."""

DEFAULT_PORTS = {"vxlan": 4789, "geneve": 6081, "nvgre": 0}


class Endpoint:
    """A server with its profile's words, defaults filled in, and its next hop."""

    def __init__(self, world, name):
        document = world["document"]
        server = document["servers"][name]
        profile = document["profiles"][server.get("profile", "default")]
        self.name = name
        self.address = server["address"]
        self.six = ":" in self.address
        self.format = profile.get("encapsulation", "vxlan")
        self.port = profile.get("port", DEFAULT_PORTS[self.format])
        self.ttl = profile.get("ttl", 64)
        self.dscp = profile.get("dscp", "copy")
        self.uniform = profile.get("decapsulationDscp", "keep") == "copy"
        self.marks = profile.get("ecn", "normal") == "normal"
        self.whole = profile.get("dontFragment", True)
        self.summed = profile.get("udpChecksum", "zero") == "full"
        self.clamps = profile.get("mssClamp", "off") == "auto"
        self.standby = server.get("standby")
        self.overhead = (40 if self.six else 20) + (8 if self.format == "nvgre" else 16) + 14
        self.hop = world["hops"].get(name)
        self.limited = "rateLimit" in profile
        egress = world["ports"][self.hop["port"]]["mtu"] if self.hop else 0
        self.room = min(egress, profile.get("mtu", 65535)) - self.overhead


class Circuit:
    """Where a customer is: port, tags, and addresses by family."""

    def __init__(self, world, tenant, name, circuit):
        self.port = circuit["interface"]
        spec = world["ports"][self.port]
        self.mac = spec["mac"]
        inner = circuit.get("innerVlan")
        outer_type = {"802.1q": 0x8100, "802.1ad": 0x88A8}[circuit.get("tag", "802.1ad" if inner else "802.1q")]
        self.tags = [(outer_type, circuit["vlan"])] if "vlan" in circuit else []
        if inner:
            self.tags.append((0x8100, inner))
        taken = len(self.tags) if spec["transmit"] == "redirect" else max(0, len(self.tags) - 1)
        self.mtu = spec["mtu"] - 4 * taken
        self.peers = {4: circuit.get("peer"), 6: circuit.get("peer6")}
        key = f"{tenant}/{name}"
        fixed = circuit.get("peerMac")
        self.peer_macs = {4: fixed or world["learned"].get(key), 6: fixed or world["learned6"].get(key)}


class Tenant:
    """Circuits by family of those that can be reached, and VMs likewise."""

    def __init__(self, world, endpoints, name, document):
        self.name = name
        self.vni = document["vni"]
        circuits = [Circuit(world, name, key, value) for key, value in document.get("circuits", {}).items()]
        self.circuits = {
            family: [c for c in circuits if c.peers[family] and c.peer_macs[family]] for family in (4, 6)
        }
        self.vms = {4: [], 6: []}
        for address, vm in document.get("vms", {}).items():
            endpoint = endpoints[vm["server"]]
            if endpoint.hop and not endpoint.limited:
                self.vms[6 if ":" in address else 4].append((address, vm["mac"], endpoint))


def tenants_of(world):
    """Those without policies and limits: each packet to a VM goes to its server."""
    document = world["document"]
    endpoints = {name: Endpoint(world, name) for name in document["servers"]}
    plain = [
        (name, tenant)
        for name, tenant in document["tenants"].items()
        if not any(key in tenant for key in ("policy", "dscpPolicy", "rateLimit"))
    ]
    made = [Tenant(world, endpoints, name, tenant) for name, tenant in plain]
    return [tenant for tenant in made if any(tenant.vms.values())]
