// What `unum show` lists: each kind of object as data for programs, and as rows for people.

import type { InterfaceAddress, InterfaceAddress6, IpAddress, Mac } from "../address/index.ts";
import { comparePrefix, ipFamily } from "../address/index.ts";
import type { EndpointState } from "../control/state.ts";
import type { PathStatus } from "../daemon/protocol.ts";
import type { LearnedPeer, LivenessRow, Observed, PathMtu, Plane } from "../dataplane/index.ts";
import { observePorts, readLearnedPeers, readLiveness, readPathMtus } from "../dataplane/index.ts";
import type { Circuit, Gateway, Model, RateLimit, Server } from "../model/index.ts";
import { durationText, rateText, sizeText } from "../model/index.ts";
import { readInterfaces } from "../netlink/index.ts";
import type { Cell } from "./render.ts";

/** One object as `--json` prints it; a field that is undefined is left out. */
export type Item = Readonly<Record<string, unknown>>;

export interface Input {
  readonly plane: Plane;
  readonly observed: Observed;
  readonly model: Model;
  /** By endpoint, as far as a daemon measured them. */
  readonly paths?: ReadonlyMap<string, PathStatus>;
}

export interface View {
  readonly headings: readonly string[];
  readonly items: (input: Input) => readonly Item[];
  /** Lines of the table for one item: nearly always one. */
  readonly rows: (item: Item) => readonly (readonly Cell[])[];
}

/** A view with one line for each item; `T` is what its items are. */
function view<T extends Item>(
  items: (input: Input) => readonly T[],
  columns: Readonly<Record<string, (item: T) => Cell>>,
): View {
  return {
    headings: Object.keys(columns),
    items,
    rows: (item) => [Object.values(columns).map((cell) => cell(item as T))],
  };
}

function sorted<K extends string, V>(map: ReadonlyMap<K, V>, compare: (a: K, b: K) => number = byText): [K, V][] {
  return [...map].sort(([a], [b]) => compare(a, b));
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const list = (items: readonly string[] | undefined): Cell => items?.join(",");
const onOff = (value: boolean): Cell => (value ? "on" : "off");
const yesNo = (value: boolean): Cell => (value ? "yes" : "no");

/** A span in its largest unit that says enough: "45 s", "10 min", "3 h", "2 d". */
export function spanText(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}

/** Three digits, in the unit that suits: "87 us", "1.25 ms", "40.1 ms". */
export function roundTripText(us: number): string {
  return us < 1000 ? `${us} us` : `${(us / 1000).toPrecision(3)} ms`;
}

const rate = (limit: RateLimit | undefined): Cell => limit && rateText(limit.bitsPerSecond);
const burst = (limit: RateLimit | undefined): Cell => limit && sizeText(limit.burstBytes);

function vmsPerServer(model: Model): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const tenant of model.tenants.values()) {
    for (const [server, count] of tenant.vms.perServer()) counts.set(server, (counts.get(server) ?? 0) + count);
  }
  return counts;
}

/** Endpoints of one kind, with what the maps and this machine know of them. */
function endpointItems<T extends Server | Gateway>(
  { plane, observed, model, paths }: Input,
  endpoints: ReadonlyMap<string, T>,
) {
  const pathMtus: ReadonlyMap<string, PathMtu> = readPathMtus(plane, observed.indexes);
  const liveness = readLiveness(plane, observed.indexes);
  const names = new Map([...readInterfaces()].map(([name, { ifindex }]) => [ifindex, name]));
  return sorted(endpoints).map(([name, endpoint]) => {
    const nextHop = observed.state?.nextHops.get(name);
    return {
      name,
      address: endpoint.address,
      family: ipFamily(endpoint.address),
      encapsulation: model.profiles.get(endpoint.profile)?.encapsulation,
      profile: endpoint.profile,
      state: stateOf(observed.endpointStates.get(name), liveness.get(name)),
      interface: nextHop && names.get(nextHop.ifindex),
      nextHop: nextHop?.nextHopMac ?? "unresolved",
      mtu: nextHop?.mtuBytes,
      pathMtu: pathMtus.get(name),
      rttUs: paths?.get(name)?.leastUs,
      mac: endpoint.mac,
      endpoint,
    };
  });
}

/** What packets go by: the endpoint's own word, or where that says that it is watched, its liveness. */
export function stateOf(own: EndpointState | undefined, liveness: LivenessRow | undefined): UsedState {
  if (own === "admin_down") return "admin-down";
  return own === "watched" ? (liveness?.state ?? "unknown") : (own ?? "unknown");
}

/** An endpoint's state in the glossary's words. Unknown and up are used. */
export type UsedState = "unknown" | "up" | "stale" | "admin-down";

type EndpointItem = Omit<ReturnType<typeof endpointItems>[number], "endpoint">;

/** Columns that servers and gateways have at their beginning, and at their end. */
const ENDPOINT = {
  name: ({ name }: EndpointItem) => name,
  address: ({ address }: EndpointItem) => address,
  family: ({ family }: EndpointItem) => `IPv${family}`,
  format: ({ encapsulation }: EndpointItem) => encapsulation,
  profile: ({ profile }: EndpointItem) => profile,
  state: ({ state }: EndpointItem) => state,
} as const;
const PATH = {
  interface: (item: EndpointItem) => item.interface,
  "next hop": ({ nextHop }: EndpointItem) => nextHop,
  mtu: ({ mtu }: EndpointItem) => mtu,
  "path mtu": ({ pathMtu }: EndpointItem) => pathMtu && `${pathMtu.mtuBytes} for ${spanText(pathMtu.expiresInSeconds)}`,
  rtt: ({ rttUs }: EndpointItem) => rttUs && roundTripText(rttUs),
} as const;

/** One family of a circuit, as a line of its table. */
interface End {
  readonly address: InterfaceAddress | InterfaceAddress6 | undefined;
  readonly peer: IpAddress | undefined;
  readonly mac: Mac | undefined;
  readonly heardSecondsAgo: number | undefined;
}

function circuitItem(tenant: string, name: string, circuit: Circuit, learned: LearnedPeer | undefined) {
  const { interface: port, vlan, innerVlan, tag, address, peer, address6, peer6 } = circuit;
  const given = circuit.peerMac;
  return {
    tenant,
    name,
    interface: port,
    vlan,
    innerVlan,
    tag,
    address,
    peer,
    peerMac: peer === undefined ? undefined : (given ?? learned?.mac),
    heardSecondsAgo: given === undefined ? learned?.heardSecondsAgo : undefined,
    address6,
    peer6,
    peer6Mac: peer6 === undefined ? undefined : (given ?? learned?.mac6),
    heard6SecondsAgo: given === undefined ? learned?.heard6SecondsAgo : undefined,
    learned: given === undefined && (learned?.mac ?? learned?.mac6) !== undefined,
  };
}

type CircuitItem = ReturnType<typeof circuitItem>;

function circuitRows(item: CircuitItem): readonly (readonly Cell[])[] {
  const vlan = item.innerVlan === undefined ? item.vlan?.toString() : `${item.vlan}.${item.innerVlan}`;
  const ends: End[] = [
    { address: item.address, peer: item.peer, mac: item.peerMac, heardSecondsAgo: item.heardSecondsAgo },
    { address: item.address6, peer: item.peer6, mac: item.peer6Mac, heardSecondsAgo: item.heard6SecondsAgo },
  ];
  return ends
    .filter(({ address }) => address !== undefined)
    .map(({ address, peer, mac, heardSecondsAgo }) => {
      // A MAC that no packet told is the document's.
      const heard =
        heardSecondsAgo !== undefined ? `${spanText(heardSecondsAgo)} ago` : mac === undefined ? "never" : "given";
      return [item.tenant, item.name, item.interface, vlan, item.tag, address, peer, mac, heard];
    });
}

export const VIEWS: Readonly<Record<string, View>> = {
  profiles: view(
    ({ model }) =>
      sorted(model.profiles).map(([name, { mtuBytes, ...profile }]) => ({ name, ...profile, mtu: mtuBytes })),
    {
      name: ({ name }) => name,
      encapsulation: ({ encapsulation }) => encapsulation,
      port: ({ port }) => port,
      ttl: ({ ttl }) => ttl,
      dscp: ({ dscp }) => String(dscp),
      "decap dscp": ({ decapsulationDscp }) => decapsulationDscp,
      ecn: ({ ecn }) => ecn,
      df: ({ dontFragment }) => onOff(dontFragment),
      "udp checksum": ({ udpChecksum }) => udpChecksum,
      entropy: ({ entropy }) => entropy,
      mtu: ({ mtu }) => mtu,
      "mss clamp": ({ mssClamp }) => mssClamp,
      rate: ({ rateLimit }) => rate(rateLimit),
      burst: ({ rateLimit }) => burst(rateLimit),
      bfd: ({ bfd }) => bfd && `${durationText(bfd.intervalUs)} x ${bfd.multiplier}${bfd.multihop ? " multihop" : ""}`,
    },
  ),
  servers: view(
    (input) => {
      const vms = vmsPerServer(input.model);
      return endpointItems(input, input.model.servers).map(({ endpoint, ...item }) => ({
        ...item,
        standby: endpoint.standby,
        vms: vms.get(item.name) ?? 0,
      }));
    },
    {
      ...ENDPOINT,
      standby: ({ standby }) => standby,
      VMs: ({ vms }) => vms,
      ...PATH,
    },
  ),
  gateways: view((input) => endpointItems(input, input.model.gateways).map(({ endpoint: _, ...item }) => item), {
    ...ENDPOINT,
    mac: ({ mac }) => mac,
    ...PATH,
  }),
  tenants: view(
    ({ model }) =>
      sorted(model.tenants).map(([name, tenant]) => ({
        name,
        vni: tenant.vni,
        sourceCheck: tenant.sourceCheck,
        policy: tenant.policy,
        dscpPolicy: tenant.dscpPolicies.size === 0 ? undefined : Object.fromEntries(tenant.dscpPolicies),
        rateLimit: tenant.rateLimit,
        address: tenant.address,
        address6: tenant.address6,
        circuits: tenant.circuits.size,
        routes: tenant.routes.size,
        vms: tenant.vms.size,
        servers: tenant.servers,
      })),
    {
      name: ({ name }) => name,
      vni: ({ vni }) => vni,
      "source check": ({ sourceCheck }) => sourceCheck,
      policy: ({ policy }) => policy,
      "by dscp": ({ dscpPolicy }) =>
        list(Object.entries(dscpPolicy ?? {}).map(([dscp, policy]) => `${dscp}=${policy}`)),
      rate: ({ rateLimit }) => rate(rateLimit),
      burst: ({ rateLimit }) => burst(rateLimit),
      address: ({ address, address6 }) => list([address, address6].filter((each) => each !== undefined)),
      circuits: ({ circuits }) => circuits,
      routes: ({ routes }) => routes,
      VMs: ({ vms }) => vms,
      "listed servers": ({ servers }) => list(servers),
    },
  ),
  circuits: {
    headings: ["tenant", "name", "interface", "vlan", "tag", "address", "peer", "peer mac", "heard"],
    items: ({ plane, observed, model }) => {
      const learned: ReadonlyMap<string, LearnedPeer> = readLearnedPeers(plane, observed.indexes);
      return sorted(model.tenants).flatMap(([tenant, { circuits }]) =>
        sorted(circuits).map(([name, circuit]) => circuitItem(tenant, name, circuit, learned.get(`${tenant}/${name}`))),
      );
    },
    rows: (item) => circuitRows(item as CircuitItem),
  },
  routes: view(
    ({ model }) =>
      sorted(model.tenants).flatMap(([tenant, { routes }]) =>
        sorted(routes, comparePrefix).map(([prefix, route]) => ({
          tenant,
          prefix,
          via: route.kind === "endpoints" ? route.via : undefined,
          circuit: route.kind === "circuit" ? route.circuit : undefined,
        })),
      ),
    {
      tenant: ({ tenant }) => tenant,
      prefix: ({ prefix }) => prefix,
      via: ({ via }) => list(via),
      circuit: ({ circuit }) => circuit,
    },
  ),
  ports: view(({ plane }) => observePorts(plane).map((port) => ({ ...port })), {
    name: ({ name }) => name,
    role: ({ role }) => role,
    mode: ({ mode }) => mode,
    attached: ({ attached }) => yesNo(attached),
    ifindex: ({ ifindex }) => ifindex,
    program: ({ programId }) => programId,
  }),
};
