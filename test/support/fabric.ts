import { afterAll, afterEach, beforeAll, expect } from "vitest";
import type { Edge } from "../../lab/edge.ts";
import { Fabric } from "../../lab/fabric.ts";
import type { Namespace } from "../../lab/network.ts";
import { ping, transfer } from "../../lab/traffic.ts";

/** A network with whatever its builder returns, for the tests of one file. */
export interface Built<T> {
  readonly fabric: Fabric;
  readonly made: T;
}

/** Builds a network before the file's tests, and takes it away after them. */
export function useFabric<T>(build: (fabric: Fabric) => Promise<T>): Built<T> {
  let fabric: Fabric | undefined;
  let made: { readonly value: T } | undefined;
  const missing = () => new Error("use the network outside of a test: it is built before the first one");
  beforeAll(async () => {
    if (process.env.UNUM_SANDBOX !== "1") throw new Error("run a system test: only in scripts/sandbox; use npm test");
    fabric = await Fabric.create();
    made = { value: await build(fabric) };
  });
  afterEach(async ({ task }) => {
    if (task.result?.state !== "fail") return;
    for (const edge of fabric?.edges ?? []) {
      const { stdout, stderr } = await edge.quietly("counters");
      console.error(`${task.name}: ${edge.namespace.name} counted:\n${stdout}${stderr}`);
    }
  });
  afterAll(async () => {
    await fabric?.[Symbol.asyncDispose]();
  });
  return {
    get fabric() {
      if (!fabric) throw missing();
      return fabric;
    },
    get made() {
      if (!made) throw missing();
      return made.value;
    },
  };
}

/** Someone who can be pinged: a namespace and its addresses in the overlay, without prefix length. */
export interface Host {
  readonly namespace: Namespace;
  readonly addresses: readonly string[];
}

export const hostOf = (namespace: Namespace, ...addresses: readonly string[]): Host => ({ namespace, addresses });

/** Pairs of addresses of one family, of two hosts. */
function pairs(a: Host, b: Host): readonly (readonly [string, string])[] {
  const family = (address: string) => address.includes(":");
  return a.addresses.flatMap((left) =>
    b.addresses.filter((right) => family(left) === family(right)).map((right) => [left, right] as const),
  );
}

/**
 * Lets both hosts ask for whatever they have to resolve: the first packet to a silent peer is lost, as with any router.
 * Says nothing about what follows.
 */
export async function warmUp(a: Host, b: Host): Promise<void> {
  for (const [left, right] of pairs(a, b)) {
    await ping(a.namespace, right, { count: 3, waitMs: 300, from: left });
    await ping(b.namespace, left, { count: 3, waitMs: 300, from: right });
  }
}

/** Pings both ways in every family that both hosts have: all of them answered. */
export async function expectPings(a: Host, b: Host, count = 10): Promise<void> {
  const found = pairs(a, b);
  expect(found.length).toBeGreaterThan(0);
  for (const [left, right] of found) {
    const there = await ping(a.namespace, right, { count, intervalMs: 5, from: left });
    expect(there, `${left} → ${right}`).toMatchObject({ sent: count, lost: [], duplicates: 0 });
    const back = await ping(b.namespace, left, { count, intervalMs: 5, from: right });
    expect(back, `${right} → ${left}`).toMatchObject({ sent: count, lost: [], duplicates: 0 });
  }
}

/** TCP both ways in every family that both hosts have, the same at both ends. */
export async function expectTransfers(a: Host, b: Host, bytes = 4 << 20): Promise<void> {
  for (const [left, right] of pairs(a, b)) {
    const there = await transfer(a.namespace, b.namespace, right, bytes);
    expect(there, `${left} → ${right}`).toMatchObject({ intact: true, received: { bytes } });
    const back = await transfer(b.namespace, a.namespace, left, bytes);
    expect(back, `${right} → ${left}`).toMatchObject({ intact: true, received: { bytes } });
  }
}

/** Drops by reason while `act` runs; those that did not happen are left out. */
export async function dropsWhile(edge: Edge, act: () => Promise<void>): Promise<Readonly<Record<string, number>>> {
  const before = await edge.drops();
  await act();
  const after = await edge.drops();
  return Object.fromEntries(
    [...after].map(([reason, count]) => [reason, count - (before.get(reason) ?? 0)] as const).filter(([, n]) => n > 0),
  );
}
