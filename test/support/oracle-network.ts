// The world as the oracle sees it: the document's words, looked up the slow and obvious way.

import { addressNumber, macBytes } from "./packet-bytes.ts";
import {
  HOPS,
  type HopSpec,
  LEARNED,
  PORT_SPECS,
  type PortName,
  type PortSpec,
  type ProfileDocument,
  type World,
} from "./packet-world.ts";

export interface OracleEndpoint {
  readonly name: string;
  readonly address: number;
  readonly gateway: boolean;
  readonly standby?: string;
  readonly mac: Uint8Array;
  readonly profile: Required<Omit<ProfileDocument, "mtu">> & { readonly mtu: number };
  /** Where it is reached; absent while nobody knows. */
  readonly hop?: HopSpec;
}

export interface OracleCircuit {
  readonly name: string;
  readonly tenant: string;
  readonly port: PortName;
  readonly spec: PortSpec;
  readonly address: number;
  readonly prefixLength: number;
  readonly peer: number;
  readonly peerMac?: Uint8Array;
}

export type OracleTarget = { readonly via: readonly string[] } | { readonly circuit: OracleCircuit };

interface OracleRoute {
  readonly network: number;
  readonly prefixLength: number;
  readonly target: OracleTarget;
}

export interface OracleTenant {
  readonly name: string;
  readonly vni: number;
  readonly check: "vm" | "member" | "off";
  readonly vms: ReadonlyMap<number, { readonly server: string; readonly mac: Uint8Array }>;
  readonly routes: readonly OracleRoute[];
  readonly members: ReadonlySet<string>;
}

export function mask(prefixLength: number): number {
  return prefixLength === 0 ? 0 : (0xffffffff << (32 - prefixLength)) >>> 0;
}

function splitPrefix(text: string): [address: number, length: number] {
  const [address = "", length = ""] = text.split("/");
  return [addressNumber(address), Number(length)];
}

export class OracleNetwork {
  readonly address: number;
  readonly mac: Uint8Array;
  readonly endpoints = new Map<string, OracleEndpoint>();
  readonly byAddress = new Map<number, OracleEndpoint>();
  readonly tenants = new Map<string, OracleTenant>();
  readonly byVni = new Map<number, OracleTenant>();
  readonly circuits = new Map<PortName, OracleCircuit>();
  /** UDP ports that some endpoint's profile uses. */
  readonly ports = new Set<number>();
  /** Endpoints that are out of use. */
  readonly down = new Set<string>();
  /** By tenant/circuit. */
  readonly learned = new Map<string, Uint8Array>();

  constructor(world: World, hops: Readonly<Record<string, HopSpec>> = HOPS) {
    this.address = addressNumber(world.edge.address);
    this.mac = macBytes(world.edge.mac);
    for (const [kind, list] of [
      ["server", world.servers],
      ["gateway", world.gateways],
    ] as const) {
      for (const [name, document] of Object.entries(list)) {
        const profile = world.profiles[document.profile ?? "default"] ?? {};
        const hop = hops[name];
        const endpoint: OracleEndpoint = {
          name,
          address: addressNumber(document.address),
          gateway: kind === "gateway",
          ...(document.standby === undefined ? {} : { standby: document.standby }),
          // The default MAC of a server is never seen in this world: only s3 has a route of its own.
          mac: macBytes(document.mac ?? "00:00:00:00:00:00"),
          profile: {
            port: profile.port ?? 4789,
            ttl: profile.ttl ?? 64,
            dscp: profile.dscp ?? "copy",
            ecn: profile.ecn ?? "normal",
            dontFragment: profile.dontFragment ?? true,
            entropy: profile.entropy ?? "l4",
            mtu: profile.mtu ?? 65535,
          },
          ...(hop === undefined ? {} : { hop }),
        };
        this.endpoints.set(name, endpoint);
        this.byAddress.set(endpoint.address, endpoint);
        this.ports.add(endpoint.profile.port);
      }
    }
    for (const name of Object.keys(world.tenants)) this.#addTenant(world, name);
    this.forget();
  }

  /** What packets taught: as at the start of a test. */
  forget(): void {
    this.learned.clear();
    for (const [name, mac] of Object.entries(LEARNED)) this.learned.set(name, macBytes(mac));
  }

  #addTenant(world: World, name: string): void {
    const document = world.tenants[name];
    if (document === undefined) return;
    const circuits = new Map<string, OracleCircuit>();
    for (const [circuitName, circuit] of Object.entries(document.circuits ?? {})) {
      const [address, prefixLength] = splitPrefix(circuit.address);
      const made: OracleCircuit = {
        name: `${name}/${circuitName}`,
        tenant: name,
        port: circuit.interface,
        spec: PORT_SPECS[circuit.interface],
        address,
        prefixLength,
        peer: addressNumber(circuit.peer),
        ...(circuit.peerMac === undefined ? {} : { peerMac: macBytes(circuit.peerMac) }),
      };
      circuits.set(circuitName, made);
      this.circuits.set(circuit.interface, made);
    }
    const routes = (document.routes ?? []).map((route): OracleRoute => {
      const [network, prefixLength] = splitPrefix(route.prefix);
      const circuit = circuits.get(route.circuit ?? "");
      return { network, prefixLength, target: circuit === undefined ? { via: route.via ?? [] } : { circuit } };
    });
    const vms = Object.entries(document.vms ?? {});
    const members = new Set([
      ...(document.servers ?? []),
      ...routes.flatMap(({ target }) => ("via" in target ? target.via : [])),
    ]);
    for (const [, { server }] of vms) {
      members.add(server);
      const standby = world.servers[server]?.standby;
      if (standby !== undefined) members.add(standby);
    }
    const tenant: OracleTenant = {
      name,
      vni: document.vni,
      check: document.sourceCheck ?? "vm",
      vms: new Map(vms.map(([address, { server, mac }]) => [addressNumber(address), { server, mac: macBytes(mac) }])),
      routes,
      members,
    };
    this.tenants.set(name, tenant);
    this.byVni.set(tenant.vni, tenant);
  }

  endpoint(name: string): OracleEndpoint {
    return this.endpoints.get(name) as OracleEndpoint;
  }

  tenant(name: string): OracleTenant {
    return this.tenants.get(name) as OracleTenant;
  }

  route(tenant: OracleTenant, address: number): OracleTarget | undefined {
    let best: OracleRoute | undefined;
    for (const route of tenant.routes) {
      if ((address & mask(route.prefixLength)) >>> 0 !== route.network) continue;
      if (best === undefined || route.prefixLength > best.prefixLength) best = route;
    }
    return best?.target;
  }

  peerMac(circuit: OracleCircuit): Uint8Array | undefined {
    return circuit.peerMac ?? this.learned.get(circuit.name);
  }
}
