// Who sends random packets, and where to: pools of addresses by tenant, from the world's document.

import { ipBytes } from "./packet-bytes.ts";
import type { Random } from "./packet-random.ts";
import { type CircuitDocument, EDGE, type PortName, type TenantDocument, WORLD } from "./packet-world.ts";
import { LIMITED_TENANTS, SIX_CIRCUIT } from "./packet-world-mix.ts";

export type Family = 4 | 6;
type Pool = readonly Uint8Array[];

/** Addresses of one family that a tenant's packets may have. */
interface Pools {
  readonly vms: Pool;
  readonly routed: Pool;
  readonly circuits: Pool;
  readonly odd: Pool;
}

/** A tenant's circuit that random packets come in on. */
export interface Place {
  readonly tenant: string;
  readonly circuit: CircuitDocument;
  readonly families: readonly Family[];
}

/** An endpoint that may speak for a tenant. */
export interface Speaker {
  readonly tenant: string;
  readonly vni: number;
  readonly endpoint: string;
  /** Of the VMs that it has there. */
  readonly own: Readonly<Record<Family, Pool>>;
}

const ODD: Readonly<Record<Family, readonly string[]>> = {
  4: [
    ...["10.1.0.255", "10.3.0.255", "10.3.0.0", "10.8.0.255", "8.8.8.8", EDGE.address, "0.0.0.0", "127.0.0.1"],
    ...["224.0.0.1", "255.255.255.255", "172.15.255.255", "172.32.0.0", "169.254.1.1"],
  ],
  6: [
    ...[
      "::",
      "::1",
      "::2",
      "::ffff:a02:1",
      "::fffe:a02:1",
      "fe80::1",
      "febf::1",
      "fec0::1",
      "ff02::1",
      "ff0e::1",
      EDGE.address6,
    ],
    ...["2001:db9::1", SIX_CIRCUIT.peer6, "2001:db8:30:ffff:ffff:ffff:ffff:ffff"],
  ],
};

const tenants = Object.entries(WORLD.tenants).filter(([name]) => !(name in LIMITED_TENANTS));
const of = (family: Family) => (bytes: Uint8Array) => bytes.length === (family === 6 ? 16 : 4);

/** An address inside of a prefix: its network with one of its host bits set. */
function inside(prefix: string): Uint8Array {
  const [network = "", length = "0"] = prefix.split("/");
  const bytes = ipBytes(network);
  const bits = 8 * bytes.length;
  if (Number(length) < bits) bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) | 1;
  return bytes;
}

function poolsOf(document: TenantDocument, family: Family): Pools {
  const circuits = Object.values(document.circuits ?? {});
  const texts = (list: readonly (string | undefined)[]) =>
    list.flatMap((text) => (text === undefined ? [] : [ipBytes(text)])).filter(of(family));
  const own = circuits.flatMap(({ address, address6 }) => [address, address6].map((text) => text?.split("/")[0]));
  return {
    vms: texts(Object.keys(document.vms ?? {})),
    routed: (document.routes ?? []).map(({ prefix }) => inside(prefix)).filter(of(family)),
    circuits: texts(circuits.flatMap(({ peer, peer6 }) => [peer, peer6])),
    odd: texts([...ODD[family], ...own, document.address, document.address6]),
  };
}

const POOLS = new Map(
  tenants.map(([name, document]) => [name, { 4: poolsOf(document, 4), 6: poolsOf(document, 6) }] as const),
);

function pools(tenant: string, family: Family): Pools {
  const found = POOLS.get(tenant);
  if (found === undefined) throw new Error(`make packets of tenant ${tenant}: no random packet is its`);
  return found[family];
}

const EVERYWHERE: Readonly<Record<Family, Pool>> = { 4: [ipBytes("9.9.9.9")], 6: [ipBytes("2001:db9::9")] };

/** Any address that could come up in a tenant's network, the likely ones most of the time. */
export function anyAddress(random: Random, tenant: string, family: Family): Uint8Array {
  const { vms, routed, circuits, odd } = pools(tenant, family);
  const kind = random.below(100);
  const pool = kind < 45 ? vms : kind < 65 ? routed : kind < 85 ? circuits : odd;
  if (pool.length > 0 && (kind < 99 || family === 4)) return random.pick(pool);
  if (kind < 99) return random.pick(EVERYWHERE[family]);
  return Uint8Array.from({ length: family === 6 ? 16 : 4 }, () => random.below(256));
}

export function customerAddress(random: Random, tenant: string, family: Family): Uint8Array {
  const { circuits } = pools(tenant, family);
  return random.chance(90) && circuits.length > 0 ? random.pick(circuits) : anyAddress(random, tenant, family);
}

/** A source for what `speaker` sends: one of its own VMs, or another address of the tenant. */
export function speakerAddress(random: Random, { tenant, own }: Speaker, family: Family): Uint8Array {
  if (random.chance(75) && own[family].length > 0) return random.pick(own[family]);
  return anyAddress(random, tenant, family);
}

export function placesOn(port: PortName): readonly Place[] {
  return tenants.flatMap(([tenant, { circuits = {} }]) =>
    Object.values(circuits)
      .filter((circuit) => circuit.interface === port)
      .map((circuit) => ({
        tenant,
        circuit,
        families: [
          ...(circuit.address === undefined ? [] : [4 as const]),
          ...(circuit.address6 === undefined ? [] : [6 as const]),
        ],
      })),
  );
}

export const SPEAKERS: readonly Speaker[] = tenants.flatMap(
  ([tenant, { vni, vms = {}, routes = [], servers = [] }]) => {
    const names = new Set([
      ...Object.values(vms).map(({ server }) => server),
      ...routes.flatMap(({ via = [] }) => via),
      ...servers,
    ]);
    return [...names].map((endpoint): Speaker => {
      const mine = Object.entries(vms).flatMap(([address, { server }]) =>
        server === endpoint ? [ipBytes(address)] : [],
      );
      return { tenant, vni, endpoint, own: { 4: mine.filter(of(4)), 6: mine.filter(of(6)) } };
    });
  },
);
