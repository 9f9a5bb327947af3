// States made by hand, for tests that are about one change.

import type { IpAddress, IpPrefix, Mac } from "../../src/address/index.ts";
import {
  isV6,
  macFromIp,
  parseInterfaceAddress,
  parseIp,
  parseIpPrefix,
  parseIpv4,
  parseMac,
} from "../../src/address/index.ts";
import type { Interface, NextHop, State } from "../../src/control/state.ts";
import type { Circuit, Gateway, Profile, Route, Server, Tenant, Vm } from "../../src/model/index.ts";
import { DEFAULT_PROFILE, VmSet } from "../../src/model/index.ts";
import { VM_CAPACITY, VM6_CAPACITY } from "./dataplane-models.ts";

export interface TenantSketch {
  readonly vni: number;
  readonly sourceCheck?: Tenant["sourceCheck"];
  readonly servers?: readonly string[];
  /** Address → server. */
  readonly vms?: Readonly<Record<string, string>>;
  /** Prefix → endpoints. */
  readonly routes?: Readonly<Record<string, readonly string[]>>;
  /** Name → interface. */
  readonly circuits?: Readonly<Record<string, string>>;
  /** Second byte of its VMs' MACs. */
  readonly mark?: number;
}

export interface Sketch {
  /** Name → last byte of its address, 10.2.0.N. */
  readonly servers?: Readonly<Record<string, number>>;
  readonly gateways?: Readonly<Record<string, number>>;
  /** Server → standby. */
  readonly standbys?: Readonly<Record<string, string>>;
  readonly profiles?: Readonly<Record<string, Profile>>;
  /** Endpoint → profile. */
  readonly uses?: Readonly<Record<string, string>>;
  readonly tenants?: Readonly<Record<string, TenantSketch>>;
}

const byte = (value: number) => value.toString(16).padStart(2, "0");
const mapOf = <T, K extends string, V>(
  record: Readonly<Record<string, T>> = {},
  value: (t: T, key: string) => [K, V],
) => new Map(Object.entries(record).map(([key, item]) => value(item, key)));

function vmMac(address: IpAddress, mark: number): Mac {
  if (isV6(address)) return macFromIp(address);
  const [c = 0, d = 0] = address.split(".").slice(2).map(Number);
  return parseMac(`02:${byte(mark)}:00:00:${byte(c)}:${byte(d)}`);
}

function tenantOf({ vni, sourceCheck = "vm", mark = 0, ...rest }: TenantSketch): Tenant {
  let host = 0;
  return {
    vni,
    sourceCheck,
    servers: [...(rest.servers ?? [])].sort(),
    policy: "direct-preferred",
    dscpPolicies: new Map(),
    circuits: mapOf(rest.circuits, (nic, name): [string, Circuit] => {
      host += 4;
      return [
        name,
        {
          interface: nic,
          address: parseInterfaceAddress(`10.1.0.${host + 1}/30`),
          peer: parseIpv4(`10.1.0.${host + 2}`),
        },
      ];
    }),
    routes: mapOf(rest.routes, (via, prefix): [IpPrefix, Route] => [
      parseIpPrefix(prefix),
      { kind: "endpoints", via: [...via].sort() },
    ]),
    vms: VmSet.of(
      mapOf(rest.vms, (server, address): [IpAddress, Vm] => [
        parseIp(address),
        { server, mac: vmMac(parseIp(address), mark) },
      ]),
    ),
  };
}

/** A state in which every endpoint is reached through the first interface. */
export function stateOf(sketch: Sketch, interfaces: ReadonlyMap<string, Interface>): State {
  const { servers = {}, gateways = {}, standbys = {}, uses = {} } = sketch;
  const endpoint = (host: number, name: string) => ({
    address: parseIpv4(`10.2.0.${host}`),
    profile: uses[name] ?? "default",
    mac: parseMac(`02:00:0a:02:00:${byte(host)}`),
  });
  const tenants = mapOf(sketch.tenants, (tenant, name): [string, Tenant] => [name, tenantOf(tenant)]);
  const used = new Set([...tenants.values()].flatMap(({ circuits }) => [...circuits.values()].map((c) => c.interface)));
  const egress = [...interfaces.values()][0];
  const nextHops = new Map<string, NextHop>();
  if (egress !== undefined) {
    for (const [name, host] of Object.entries({ ...servers, ...gateways })) {
      const { ifindex, mac, mtuBytes, transmit } = egress;
      nextHops.set(name, {
        ifindex,
        sourceMac: mac,
        nextHopMac: parseMac(`02:ff:00:00:00:${byte(host)}`),
        mtuBytes,
        transmit,
      });
    }
  }
  return {
    model: {
      edge: {
        address: parseIpv4("10.2.0.1"),
        mac: parseMac("02:00:0a:02:00:01"),
        interfaces: [],
        vmCapacity: VM_CAPACITY,
        vm6Capacity: VM6_CAPACITY,
      },
      profiles: new Map([["default", DEFAULT_PROFILE], ...Object.entries(sketch.profiles ?? {})]),
      servers: mapOf(servers, (host, name): [string, Server] => {
        const standby = standbys[name];
        return [name, { ...endpoint(host, name), ...(standby === undefined ? {} : { standby }) }];
      }),
      gateways: mapOf(gateways, (host, name): [string, Gateway] => [name, endpoint(host, name)]),
      tenants,
    },
    interfaces: new Map([...interfaces].filter(([name]) => used.has(name))),
    nextHops,
  };
}
