// Rows → state: what the maps hold, in domain words. The inverse of compile.ts. A row that contradicts another (a writer was
// killed, or somebody else wrote) is left out and named as a problem; the next apply mends it.

import type { Ipv4, Ipv4Prefix } from "../address/index.ts";
import { interfaceAddressOf, ipv4FromNumber, macFromBytes, prefixOf } from "../address/index.ts";
import { SLOT_BYTES } from "../bpf/bucket-table.ts";
import type { EndpointState, Interface, NextHop, State, Transmit } from "../control/state.ts";
import type {
  Circuit,
  Edge,
  Gateway,
  PortConfig,
  Profile,
  Route,
  Server,
  SourceCheck,
  Tenant,
  Vm,
} from "../model/index.ts";
import { DEFAULT_PROFILE, DEFAULT_PROFILE_NAME } from "../model/index.ts";
import type { Indexes, IndexKind } from "./indexes.ts";
import type { Layout } from "./layout.ts";
import type { Rows } from "./rows.ts";
import { fromHex } from "./rows.ts";

export interface DecodeInput {
  readonly rows: Rows;
  /** Slots of the VM table. */
  readonly vms: Uint8Array;
  readonly vmCapacity: number;
  /** Attached ports, which no map knows of. */
  readonly ports: readonly PortConfig[];
}

export interface Decoded {
  /** Undefined while nothing has been applied: there are tables, and no edge yet. */
  readonly state: State | undefined;
  readonly indexes: Indexes;
  readonly endpointStates: ReadonlyMap<string, EndpointState>;
  /** One line for each row that makes no sense. */
  readonly problems: readonly string[];
}

type Field = Record<string, unknown>;
type IndexedKind = IndexKind | "port";

function vniNumber(bytes: Uint8Array): number {
  return ((bytes[0] as number) << 16) | ((bytes[1] as number) << 8) | (bytes[2] as number);
}

interface TenantUnderWay {
  readonly vni: number;
  readonly sourceCheck: SourceCheck;
  readonly servers: string[];
  readonly circuits: Map<string, Circuit>;
  readonly routes: Map<Ipv4Prefix, Route>;
  readonly vms: Map<Ipv4, Vm>;
}

class Decoder {
  readonly #layout: Layout;
  readonly #input: DecodeInput;
  readonly problems: string[] = [];
  readonly #names: Record<IndexedKind, Map<number, string>> = {
    profile: new Map(),
    endpoint: new Map(),
    tenant: new Map(),
    circuit: new Map(),
    port: new Map(),
  };
  readonly profiles = new Map<string, Profile>();
  readonly servers = new Map<string, Server>();
  readonly gateways = new Map<string, Gateway>();
  readonly tenants = new Map<string, TenantUnderWay>();
  readonly #tenantByVni = new Map<number, TenantUnderWay>();
  readonly nextHops = new Map<string, NextHop>();
  readonly interfaces = new Map<string, Interface>();
  readonly endpointStates = new Map<string, EndpointState>();

  constructor(layout: Layout, input: DecodeInput) {
    this.#layout = layout;
    this.#input = input;
  }

  indexes(): Indexes {
    const invert = (names: Map<number, string>) => new Map([...names].map(([index, name]) => [name, index] as const));
    return {
      profile: invert(this.#names.profile),
      endpoint: invert(this.#names.endpoint),
      tenant: invert(this.#names.tenant),
      circuit: invert(this.#names.circuit),
    };
  }

  readNames(): void {
    const kinds = this.#layout.names("object_kind", "OBJECT_KIND_");
    for (const [key, name] of this.#input.rows.names) {
      const { kind, index } = this.#layout.decode("name_key", fromHex(key)) as Field as { kind: number; index: number };
      const room = this.#names[kinds.get(kind) as IndexedKind];
      if (room === undefined)
        this.problems.push(`names: ${JSON.stringify(name)} is of kind ${kind}, which does not exist`);
      else room.set(index, name);
    }
  }

  #name(kind: IndexedKind, index: number, user: string): string | undefined {
    const name = this.#names[kind].get(index);
    if (name === undefined) this.problems.push(`${user}: ${kind} ${index} has no name`);
    return name;
  }

  /** What a number of an enumeration means; a number that it does not have is a problem. */
  #meaning(names: ReadonlyMap<number, string>, value: number, what: string, user: string): string | undefined {
    const meaning = names.get(value);
    // The first of each enumeration says that there is nothing.
    if (value !== 0 && meaning !== undefined) return meaning;
    this.problems.push(`${user}: ${what} ${value} does not exist`);
    return undefined;
  }

  #fields(struct: Parameters<Layout["decode"]>[0], bytes: Uint8Array): Field {
    return this.#layout.decode(struct, bytes) as Field;
  }

  readProfiles(): void {
    const has = (flags: number, name: string): boolean => (flags & this.#layout.number("profile_flags", name)) !== 0;
    const encapsulations = this.#layout.names("encapsulation", "ENCAPSULATION_");
    for (const [index, bytes] of this.#input.rows.profiles) {
      const name = this.#name("profile", index, `profiles[${index}]`);
      const row = this.#fields("profile", bytes) as Record<
        "port" | "ttl" | "dscp" | "encapsulation" | "flags" | "mtu",
        number
      >;
      const encapsulation = this.#meaning(encapsulations, row.encapsulation, "encapsulation", `profiles[${index}]`);
      if (name === undefined || encapsulation === undefined) continue;
      const detail = this.#input.rows.profileDetails.get(index);
      const bfd = detail && (this.#fields("profile_detail", detail) as Record<string, number>);
      this.profiles.set(name, {
        encapsulation: encapsulation as Profile["encapsulation"],
        port: row.port,
        ttl: row.ttl,
        dscp: row.dscp === this.#layout.number("profile_dscp", "PROFILE_DSCP_COPY") ? "copy" : row.dscp,
        ecn: has(row.flags, "PROFILE_ECN_COMPATIBILITY") ? "compatibility" : "normal",
        dontFragment: has(row.flags, "PROFILE_DONT_FRAGMENT"),
        entropy: has(row.flags, "PROFILE_ENTROPY_L3") ? "l3" : "l4",
        ...(row.mtu === 0 ? {} : { mtuBytes: row.mtu }),
        ...(bfd === undefined
          ? {}
          : { bfd: { intervalUs: bfd.bfd_interval_us as number, multiplier: bfd.bfd_multiplier as number } }),
      });
    }
    if (!this.profiles.has(DEFAULT_PROFILE_NAME)) this.profiles.set(DEFAULT_PROFILE_NAME, DEFAULT_PROFILE);
  }

  readEndpoints(): void {
    const kinds = this.#layout.names("endpoint_kind", "ENDPOINT_KIND_");
    const states = this.#layout.names("endpoint_state", "ENDPOINT_STATE_");
    const transmits = this.#layout.names("transmit", "TRANSMIT_");
    for (const [index, { word, record }] of this.#input.rows.endpoints) {
      const where = `endpoints[${index}]`;
      const name = this.#name("endpoint", index, where);
      const entry = this.#fields("endpoint", word) as Record<"standby" | "state" | "kind", number>;
      const tunnel = this.#fields("tunnel", record);
      const profile = this.#name("profile", tunnel.profile as number, where);
      const kind = this.#meaning(kinds, entry.kind, "kind", where);
      const liveness = this.#meaning(states, entry.state, "state", where);
      if (name === undefined || profile === undefined || kind === undefined || liveness === undefined) continue;
      const common = {
        address: ipv4FromNumber((tunnel.remote as number[])[0] as number),
        profile,
        mac: macFromBytes(tunnel.overlay_mac as Uint8Array),
      };
      if (kind === "gateway") this.gateways.set(name, common);
      else {
        const standby = entry.standby === 0 ? undefined : this.#name("endpoint", entry.standby, where);
        this.servers.set(name, { ...common, ...(standby === undefined ? {} : { standby }) });
      }
      this.endpointStates.set(name, liveness as EndpointState);
      const transmit = transmits.get(tunnel.transmit as number);
      if (transmit !== undefined && transmit !== "none") {
        this.nextHops.set(name, {
          ifindex: tunnel.ifindex as number,
          sourceMac: macFromBytes(tunnel.source_mac as Uint8Array),
          nextHopMac: macFromBytes(tunnel.next_hop_mac as Uint8Array),
          mtuBytes: tunnel.mtu as number,
          transmit: transmit as Transmit,
        });
      }
    }
  }

  readTenants(): void {
    const checks = this.#layout.names("source_check", "SOURCE_CHECK_");
    for (const [index, bytes] of this.#input.rows.tenants) {
      const where = `tenants[${index}]`;
      const name = this.#name("tenant", index, where);
      const row = this.#fields("tenant", bytes);
      const sourceCheck = this.#meaning(checks, row.source_check as number, "source check", where);
      if (name === undefined || sourceCheck === undefined) continue;
      const tenant: TenantUnderWay = {
        vni: vniNumber(row.vni as Uint8Array),
        sourceCheck: sourceCheck as SourceCheck,
        servers: [],
        circuits: new Map(),
        routes: new Map(),
        vms: new Map(),
      };
      this.tenants.set(name, tenant);
      this.#tenantByVni.set(tenant.vni, tenant);
    }
    this.#readMembers();
    this.#readCircuits();
    this.#readRoutes();
    this.#readVms();
  }

  #tenant(vni: Uint8Array, user: string): TenantUnderWay | undefined {
    const tenant = this.#tenantByVni.get(vniNumber(vni));
    if (tenant === undefined) this.problems.push(`${user}: VNI ${vniNumber(vni)} is no tenant's`);
    return tenant;
  }

  #readMembers(): void {
    const listed = this.#layout.number("member_flags", "MEMBER_LISTED");
    const slot = new Uint8Array(SLOT_BYTES);
    const view = new DataView(slot.buffer);
    for (const [key, value] of this.#input.rows.members) {
      view.setBigUint64(0, key, true);
      view.setBigUint64(8, value, true);
      const row = this.#fields("member_slot", slot);
      const endpoint = this.#name("endpoint", row.endpoint as number, "members");
      const tenant = this.#tenant(row.vni as Uint8Array, "members");
      if (tenant && endpoint !== undefined && (row.member_flags as number) & listed) tenant.servers.push(endpoint);
    }
    for (const tenant of this.tenants.values()) tenant.servers.sort();
  }

  #readCircuits(): void {
    const transmits = this.#layout.names("transmit", "TRANSMIT_");
    const isStatic = this.#layout.number("circuit_flags", "CIRCUIT_PEER_STATIC");
    for (const [index, { word, record }] of this.#input.rows.circuits) {
      const where = `circuits[${index}]`;
      const row = this.#fields("circuit_record", record);
      const name = this.#name("circuit", index, where);
      const tenant = this.#tenant(row.vni as Uint8Array, where);
      const length = row.prefix_length as number;
      if (length > 32) this.problems.push(`${where}: prefix length ${length} is above 32`);
      if (name === undefined || tenant === undefined || length > 32) continue;
      const ifindex = row.ifindex as number;
      const interfaceName = this.#names.port.get(ifindex) ?? `if${ifindex}`;
      const { flags } = this.#fields("circuit", word) as { flags: number };
      tenant.circuits.set(name.slice(name.indexOf("/") + 1), {
        interface: interfaceName,
        address: interfaceAddressOf(ipv4FromNumber(row.address as number), length),
        peer: ipv4FromNumber(row.peer as number),
        ...(flags & isStatic ? { peerMac: macFromBytes(row.peer_mac as Uint8Array) } : {}),
      });
      const mac = macFromBytes(row.mac as Uint8Array);
      this.interfaces.set(interfaceName, {
        ifindex,
        mac,
        mtuBytes: row.mtu as number,
        transmit: transmits.get(row.transmit as number) as Transmit,
      });
    }
  }

  #readRoutes(): void {
    const kinds = this.#layout.names("route_kind", "ROUTE_KIND_");
    for (const [keyText, value] of this.#input.rows.routes) {
      const key = this.#fields("route4_key", fromHex(keyText));
      const row = this.#fields("route4", value) as Record<"kind" | "target", number>;
      const length = (key.prefix_length as number) - 32;
      const where = `routes4 ${ipv4FromNumber(key.address as number)}/${length}`;
      const tenant = this.#tenant(key.vni as Uint8Array, where);
      const kind = this.#meaning(kinds, row.kind, "kind", where);
      // Shorter than the tenant's own bits: it would be everybody's.
      if (length < 0) this.problems.push(`${where}: prefix length ${length} is below 0`);
      if (tenant === undefined || kind === undefined || length < 0) continue;
      const prefix = prefixOf(ipv4FromNumber(key.address as number), length);
      if (kind === "circuit") {
        const name = this.#name("circuit", row.target, where);
        if (name !== undefined)
          tenant.routes.set(prefix, { kind: "circuit", circuit: name.slice(name.indexOf("/") + 1) });
        continue;
      }
      const via = this.#groupNames(row.target, where);
      if (via !== undefined) tenant.routes.set(prefix, { kind: "endpoints", via });
    }
  }

  #groupNames(index: number, where: string): string[] | undefined {
    const group = this.#input.rows.groups.get(index);
    if (group === undefined) {
      this.problems.push(`${where}: route group ${index} is empty`);
      return undefined;
    }
    const { count, endpoints } = this.#fields("route_group", group) as { count: number; endpoints: number[] };
    if (count === 0 || count > endpoints.length) {
      this.problems.push(`${where}: route group ${index} counts ${count}, expected 1 to ${endpoints.length}`);
      return undefined;
    }
    const names = endpoints.slice(0, count).map((endpoint) => this.#name("endpoint", endpoint, where));
    return names.includes(undefined) ? undefined : (names as string[]).sort();
  }

  #readVms(): void {
    const codec = this.#layout.codec("vm4_slot");
    const { vms } = this.#input;
    for (let at = 0; at < vms.length; at += SLOT_BYTES) {
      const row = codec.decode(vms, at) as Field;
      const address = ipv4FromNumber(row.address as number);
      const tenant = this.#tenant(row.vni as Uint8Array, `vms4 ${address}`);
      const server = this.#name("endpoint", row.endpoint as number, `vms4 ${address}`);
      if (tenant && server !== undefined) tenant.vms.set(address, { server, mac: macFromBytes(row.mac as Uint8Array) });
    }
  }

  edge(): Edge | undefined {
    const row = this.#fields("edge", this.#input.rows.edge);
    if (row.valid === 0) return undefined;
    return {
      address: ipv4FromNumber(row.address as number),
      mac: macFromBytes(row.mac as Uint8Array),
      interfaces: this.#input.ports,
      vmCapacity: this.#input.vmCapacity,
    };
  }
}

export function decodeRows(layout: Layout, input: DecodeInput): Decoded {
  const decoder = new Decoder(layout, input);
  const edge = decoder.edge();
  decoder.readNames();
  decoder.readProfiles();
  decoder.readEndpoints();
  decoder.readTenants();
  const { profiles, servers, gateways, interfaces, nextHops, endpointStates, problems } = decoder;
  const tenants: ReadonlyMap<string, Tenant> = decoder.tenants;
  const model = edge && { edge, profiles, servers, gateways, tenants };
  return {
    state: model && { model, interfaces, nextHops },
    indexes: decoder.indexes(),
    endpointStates,
    problems,
  };
}
