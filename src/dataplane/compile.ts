// State → rows: domain words become C fields. Pure; the only place that writes them.

import type { Ipv4, Ipv4Prefix } from "../address/index.ts";
import { ipv4ToNumber, macToBytes, prefixAddress, prefixLength, ZERO_MAC } from "../address/index.ts";
import { SLOT_BYTES } from "../bpf/bucket-table.ts";
import type { EndpointState, State, Transmit } from "../control/state.ts";
import { UnumError } from "../errors.ts";
import type { Circuit, Gateway, Model, Profile, Server, Tenant } from "../model/index.ts";
import type { Indexes } from "./indexes.ts";
import { circuitName } from "./indexes.ts";
import type { Layout } from "./layout.ts";
import type { Rows, WordAndRecord } from "./rows.ts";
import { hex, slotWords } from "./rows.ts";

const PROTOCOL_UDP = 17;
export interface CompileInput {
  readonly state: State;
  readonly indexes: Indexes;
  /** Liveness by endpoint name; it is kept, not decided, here. */
  readonly endpointStates: ReadonlyMap<string, EndpointState>;
  /** Groups in the maps that a route names: the same endpoints keep their index. */
  readonly groups: ReadonlyMap<number, Uint8Array>;
  /** Elements of the map route_groups. */
  readonly groupEntries: number;
}

export function vniBytes(vni: number): Uint8Array {
  return Uint8Array.of(vni >>> 16, (vni >>> 8) & 255, vni & 255);
}

export function indexOf(indexes: Indexes, kind: keyof Indexes, name: string): number {
  const index = indexes[kind].get(name);
  if (index === undefined) {
    throw new UnumError("INTERNAL", `compile ${kind} ${JSON.stringify(name)}: it has no index`);
  }
  return index;
}

export function circuitInterface(state: State, tenant: string, name: string, circuit: Circuit) {
  const found = state.interfaces.get(circuit.interface);
  if (found !== undefined) return found;
  throw new UnumError(
    "INTERFACE_MISSING",
    `compile circuit ${tenant}/${name}: there is no interface ${JSON.stringify(circuit.interface)}; nothing was written`,
    { remedy: "ip link show lists the interfaces that exist; correct the document or make the interface" },
  );
}

/** Rows under construction: one method per object, one field per map. */
class Compiler {
  readonly #layout: Layout;
  readonly #input: CompileInput;
  readonly #model: Model;
  readonly #groupIndexes = new Map<string, number>();

  readonly profiles = new Map<number, Uint8Array>();
  readonly profileDetails = new Map<number, Uint8Array>();
  readonly tenants = new Map<number, Uint8Array>();
  readonly endpoints = new Map<number, WordAndRecord>();
  readonly circuits = new Map<number, WordAndRecord>();
  readonly groups = new Map<number, Uint8Array>();
  readonly routes = new Map<string, Uint8Array>();
  readonly attachments = new Map<bigint, bigint>();
  readonly services = new Map<bigint, bigint>();
  readonly sources = new Map<bigint, bigint>();
  readonly members = new Map<bigint, bigint>();
  readonly egress = new Set<number>();
  readonly names = new Map<string, string>();

  constructor(layout: Layout, input: CompileInput) {
    this.#layout = layout;
    this.#input = input;
    this.#model = input.state.model;
    for (const [index, group] of input.groups) this.#groupIndexes.set(hex(group), index);
  }

  edge(): Uint8Array {
    const { address, mac } = this.#model.edge;
    return this.#layout.encode("edge", { mac: macToBytes(mac), valid: 1, address: ipv4ToNumber(address) });
  }

  name(kind: string, index: number, text: string): void {
    const key = this.#layout.encode("name_key", {
      kind: this.#layout.number("object_kind", `OBJECT_KIND_${kind}`),
      index,
    });
    this.names.set(hex(key), text);
  }

  profile(name: string, profile: Profile): void {
    const index = indexOf(this.#input.indexes, "profile", name);
    const flag = (flagName: string): number => this.#layout.number("profile_flags", flagName);
    let flags = flag("PROFILE_VALID");
    if (profile.dontFragment) flags |= flag("PROFILE_DONT_FRAGMENT");
    if (profile.entropy === "l3") flags |= flag("PROFILE_ENTROPY_L3");
    if (profile.ecn === "compatibility") flags |= flag("PROFILE_ECN_COMPATIBILITY");
    const dscp = profile.dscp === "copy" ? this.#layout.number("profile_dscp", "PROFILE_DSCP_COPY") : profile.dscp;
    this.profiles.set(
      index,
      this.#layout.encode("profile", {
        port: profile.port,
        ttl: profile.ttl,
        dscp,
        encapsulation: this.#encapsulation(profile),
        flags,
        mtu: profile.mtuBytes ?? 0,
      }),
    );
    if (profile.bfd !== undefined) {
      const { intervalUs, multiplier } = profile.bfd;
      this.profileDetails.set(
        index,
        this.#layout.encode("profile_detail", { bfd_interval_us: intervalUs, bfd_multiplier: multiplier }),
      );
    }
    this.name("PROFILE", index, name);
  }

  endpoint(name: string, kind: "SERVER" | "GATEWAY", endpoint: Server | Gateway): void {
    const { indexes, state, endpointStates } = this.#input;
    const index = indexOf(indexes, "endpoint", name);
    const nextHop = state.nextHops.get(name);
    const standby = "standby" in endpoint && endpoint.standby !== undefined ? endpoint.standby : undefined;
    const liveness = (endpointStates.get(name) ?? "unknown").toUpperCase();
    const local = this.#model.edge.address;
    const profile = this.#model.profiles.get(endpoint.profile);
    if (profile === undefined)
      throw new UnumError("INTERNAL", `compile endpoint ${name}: no profile ${endpoint.profile}`);

    const word = this.#layout.encode("endpoint", {
      standby: standby === undefined ? 0 : indexOf(indexes, "endpoint", standby),
      state: this.#layout.number("endpoint_state", `ENDPOINT_STATE_${liveness}`),
      kind: this.#layout.number("endpoint_kind", `ENDPOINT_KIND_${kind}`),
    });
    const record = this.#layout.encode("tunnel", {
      remote: [ipv4ToNumber(endpoint.address)],
      local: [ipv4ToNumber(local)],
      next_hop_mac: macToBytes(nextHop?.nextHopMac ?? ZERO_MAC),
      source_mac: macToBytes(nextHop?.sourceMac ?? ZERO_MAC),
      ifindex: nextHop?.ifindex ?? 0,
      overlay_mac: macToBytes(endpoint.mac),
      mtu: Math.min(nextHop?.mtuBytes ?? 0, 0xffff),
      profile: indexOf(indexes, "profile", endpoint.profile),
      family: 4,
      transmit: this.#transmit(nextHop?.transmit ?? "none"),
    });
    this.endpoints.set(index, { word, record });
    if (nextHop !== undefined) this.egress.add(nextHop.ifindex);
    this.name("ENDPOINT", index, name);
    this.#source(endpoint.address, local, index, profile);
    this.#service(local, profile);
  }

  tenant(name: string, tenant: Tenant): void {
    const index = indexOf(this.#input.indexes, "tenant", name);
    const check = this.#layout.number("source_check", `SOURCE_CHECK_${tenant.sourceCheck.toUpperCase()}`);
    const flags = this.#layout.number("slot_flags", "SLOT_USED");
    this.tenants.set(index, this.#layout.encode("tenant", { vni: vniBytes(tenant.vni), flags, source_check: check }));
    this.name("TENANT", index, name);
    for (const [circuitKey, circuit] of tenant.circuits) this.#circuit(name, tenant, circuitKey, circuit);
    for (const [prefix, route] of tenant.routes) {
      if (route.kind === "endpoints") this.#route(tenant, prefix, "GROUP", this.#group(route.via));
      else
        this.#route(
          tenant,
          prefix,
          "CIRCUIT",
          indexOf(this.#input.indexes, "circuit", circuitName(name, route.circuit)),
        );
    }
    this.#membersOf(index, tenant);
  }

  #transmit(how: Transmit | "none"): number {
    return this.#layout.number("transmit", `TRANSMIT_${how.toUpperCase()}`);
  }

  #encapsulation(profile: Profile): number {
    return this.#layout.number("encapsulation", `ENCAPSULATION_${profile.encapsulation.toUpperCase()}`);
  }

  #source(remote: Ipv4, local: Ipv4, endpoint: number, profile: Profile): void {
    const slot = this.#layout.encode("source4_slot", {
      remote: ipv4ToNumber(remote),
      local: ipv4ToNumber(local),
      endpoint,
      port: profile.port,
      encapsulation: this.#encapsulation(profile),
    });
    this.sources.set(...slotWords(slot));
  }

  #service(local: Ipv4, profile: Profile): void {
    const slot = this.#layout.encode("service4_slot", {
      local: ipv4ToNumber(local),
      port: profile.port,
      protocol: PROTOCOL_UDP,
      flags: this.#layout.number("slot_flags", "SLOT_USED"),
      encapsulation: this.#encapsulation(profile),
    });
    this.services.set(...slotWords(slot));
  }

  #circuit(tenantName: string, tenant: Tenant, name: string, circuit: Circuit): void {
    const { indexes, state } = this.#input;
    const index = indexOf(indexes, "circuit", circuitName(tenantName, name));
    const tenantIndex = indexOf(indexes, "tenant", tenantName);
    const port = circuitInterface(state, tenantName, name, circuit);
    const vni = vniBytes(tenant.vni);
    let flags = this.#layout.number("circuit_flags", "CIRCUIT_VALID");
    if (circuit.peerMac !== undefined) flags |= this.#layout.number("circuit_flags", "CIRCUIT_PEER_STATIC");

    const word = this.#layout.encode("circuit", { tenant: tenantIndex, flags });
    const record = this.#layout.encode("circuit_record", {
      ifindex: port.ifindex,
      address: ipv4ToNumber(prefixAddress(circuit.address)),
      peer: ipv4ToNumber(circuit.peer),
      mac: macToBytes(port.mac),
      peer_mac: macToBytes(circuit.peerMac ?? ZERO_MAC),
      mtu: Math.min(port.mtuBytes, 0xffff),
      prefix_length: prefixLength(circuit.address),
      vni,
      transmit: this.#transmit(port.transmit),
    });
    this.circuits.set(index, { word, record });
    this.egress.add(port.ifindex);
    this.name("CIRCUIT", index, circuitName(tenantName, name));
    this.name("PORT", port.ifindex, circuit.interface);
    const attachment = this.#layout.encode("attachment_slot", {
      ifindex: port.ifindex,
      vni,
      flags: this.#layout.number("slot_flags", "SLOT_USED"),
      tenant: tenantIndex,
      circuit: index,
    });
    this.attachments.set(...slotWords(attachment));
  }

  /** Index of the group with these endpoints; groups are immutable, so a new set is a new group. */
  #group(via: readonly string[]): number {
    const endpoints = via.map((name) => indexOf(this.#input.indexes, "endpoint", name)).sort((a, b) => a - b);
    const content = this.#layout.encode("route_group", { count: endpoints.length, endpoints });
    const key = hex(content);
    let index = this.#groupIndexes.get(key);
    if (index === undefined) {
      index = 1;
      while (this.#input.groups.has(index) || this.groups.has(index)) index++;
      if (index >= this.#input.groupEntries) {
        throw new UnumError(
          "TABLE_FULL",
          `compile routes: more than ${this.#input.groupEntries - 1} different sets of endpoints; nothing was written`,
          { remedy: "let routes share the same set of gateways" },
        );
      }
      this.#groupIndexes.set(key, index);
    }
    this.groups.set(index, content);
    return index;
  }

  #route(tenant: Tenant, prefix: Ipv4Prefix, kind: "GROUP" | "CIRCUIT", target: number): void {
    const key = this.#layout.encode("route4_key", {
      prefix_length: 32 + prefixLength(prefix),
      vni: vniBytes(tenant.vni),
      flags: this.#layout.number("slot_flags", "SLOT_USED"),
      address: ipv4ToNumber(prefixAddress(prefix)),
    });
    const value = this.#layout.encode("route4", {
      kind: this.#layout.number("route_kind", `ROUTE_KIND_${kind}`),
      prefix_length: prefixLength(prefix),
      target,
    });
    this.routes.set(hex(key), value);
  }

  /** Endpoints that may speak in the tenant's network: of its VMs, their standbys, of its routes, and those it lists. */
  #membersOf(tenantIndex: number, tenant: Tenant): void {
    const servers = new Set<string>();
    for (const vm of tenant.vms.values()) servers.add(vm.server);
    for (const name of [...servers]) {
      const standby = this.#model.servers.get(name)?.standby;
      if (standby !== undefined) servers.add(standby);
    }
    for (const route of tenant.routes.values()) {
      if (route.kind === "endpoints") for (const name of route.via) servers.add(name);
    }
    const listed = new Set(tenant.servers);
    for (const name of new Set([...servers, ...listed])) {
      let flags = this.#layout.number("member_flags", "MEMBER_VALID");
      if (listed.has(name)) flags |= this.#layout.number("member_flags", "MEMBER_LISTED");
      const slot = this.#layout.encode("member_slot", {
        vni: vniBytes(tenant.vni),
        flags: this.#layout.number("slot_flags", "SLOT_USED"),
        endpoint: indexOf(this.#input.indexes, "endpoint", name),
        tenant: tenantIndex,
        member_flags: flags,
      });
      this.members.set(...slotWords(slot));
    }
  }
}

/**
 * Every row but those of VMs, which vmSlots makes.
 * @throws UnumError INTERFACE_MISSING, TABLE_FULL
 */
export function compileRows(layout: Layout, input: CompileInput): Rows {
  const compiler = new Compiler(layout, input);
  const { model } = input.state;
  for (const [name, profile] of model.profiles) compiler.profile(name, profile);
  for (const [name, server] of model.servers) compiler.endpoint(name, "SERVER", server);
  for (const [name, gateway] of model.gateways) compiler.endpoint(name, "GATEWAY", gateway);
  for (const [name, tenant] of model.tenants) compiler.tenant(name, tenant);
  return {
    edge: compiler.edge(),
    profiles: compiler.profiles,
    profileDetails: compiler.profileDetails,
    tenants: compiler.tenants,
    endpoints: compiler.endpoints,
    circuits: compiler.circuits,
    groups: compiler.groups,
    routes: compiler.routes,
    attachments: compiler.attachments,
    services: compiler.services,
    sources: compiler.sources,
    members: compiler.members,
    egress: compiler.egress,
    names: compiler.names,
  };
}

export function vmCount(model: Model): number {
  let count = 0;
  for (const tenant of model.tenants.values()) count += tenant.vms.size;
  return count;
}

/** Slots of the VM table for every VM, one after the other. */
export function vmSlots(layout: Layout, model: Model, indexes: Indexes): Uint8Array {
  const slots = new Uint8Array(vmCount(model) * SLOT_BYTES);
  const codec = layout.codec("vm4_slot");
  const flags = layout.number("slot_flags", "SLOT_USED");
  let at = 0;
  for (const tenant of model.tenants.values()) {
    const vni = vniBytes(tenant.vni);
    for (const [address, vm] of tenant.vms) {
      const endpoint = indexOf(indexes, "endpoint", vm.server);
      codec.encode({ vni, flags, address: ipv4ToNumber(address), mac: macToBytes(vm.mac), endpoint }, slots, at);
      at += SLOT_BYTES;
    }
  }
  return slots;
}
