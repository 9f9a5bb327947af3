// How long a change takes to reach packets: from just before the store until the sink first has a frame that went to the new
// place, frames running meanwhile on another core. What is under way then, up to 64 frames, still goes to the old one.

import { cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { monotonicNs } from "../src/bpf/system.ts";
import { UnumError } from "../src/errors.ts";
import { Chain } from "./chain.ts";
import { buildEdge, packVms } from "./edges.ts";
import { Lane } from "./lane.ts";
import { PLAIN } from "./mixes.ts";
import { SERVER_COUNT, serverName } from "./plan.ts";
import { type Spread, spread } from "./statistics.ts";

export interface ChangesResult {
  /** How many were seen to arrive of each kind at most. */
  readonly changes: number;
  /** One VM moved to another server: a store in its slot. */
  readonly vmUs: Spread;
  /** The address of its server changed, and with it that of all of its VMs: a fresh record, and a store that publishes it. */
  readonly serverUs: Spread;
  /** The same call from its start to its end, which waits until no packet uses the old record. */
  readonly serverCallMs: Spread;
}

const BEGIN_MS = 200;
const PAUSE_MS = 5;
/** Some 30 milliseconds' worth: a change of a server takes the better part of them. */
const FRAMES_PER_CHANGE = 100_000;
/** The table is as big as that of an edge that says nothing else. */
const CAPACITY = 1_000_000;

/** Undefined: there is no second core to make changes on. */
export async function measureChanges(changes: number): Promise<ChangesResult | undefined> {
  if (cpus().length < 2) return undefined;
  const chain = await Chain.build("changes-");
  const edge = buildEdge(chain, "/sys/fs/bpf/changes", {
    ...{ duty: "encapsulate", vms: 0, documentVms: SERVER_COUNT, capacity: CAPACITY },
  });
  chain.releaseEnds();
  chain.setProgram(edge.plane.program("access"));
  const lane = await Lane.start(chain.place, cpus().length - 1);
  try {
    const table = edge.plane.table("vms4");
    const vms = await watch(lane, Math.min(changes, SERVER_COUNT - 1), (n) => {
      const puts = packVms(edge.plane.layout.btf, 1, [edge.endpoints.get(serverName(n)) ?? 0]);
      return () => table.changeAll({ puts, deletes: new Uint8Array(0) });
    });
    edge.plan({})(); // back to the first server, whose address ends in 0
    const serverCalls: number[] = [];
    const servers = await watch(lane, changes, (n) => {
      const carryOut = edge.plan({ moved: { [serverName(0)]: `10.2.9.${n}` } });
      return () => {
        const began = process.hrtime.bigint();
        carryOut();
        serverCalls.push(Number(process.hrtime.bigint() - began) / 1e6);
      };
    });
    return { vmUs: spread(vms), serverUs: spread(servers), serverCallMs: spread(serverCalls), changes };
  } finally {
    await lane.stop();
    chain.close();
    edge.plane.close();
    edge.plane.pins.remove();
  }
}

/**
 * Makes changes while frames to VM 0 run; change n sends them to an address that ends in n, from 1 on. Returns microseconds
 * from just before each change to the first frame that went there; changes that the last frame was too early for are left out.
 */
async function watch(lane: Lane, changes: number, prepare: (n: number) => () => void): Promise<readonly number[]> {
  const began = new Map<number, number>();
  const run = { frames: { form: "inner", mix: PLAIN }, vms: 1, packets: changes * FRAMES_PER_CHANGE } as const;
  let done = false;
  const answered = lane.run({ run, sink: "sink_watch" }).finally(() => {
    done = true;
  });
  await sleep(BEGIN_MS);
  for (let n = 1; n <= changes && !done; n++) {
    const change = prepare(n);
    await sleep(PAUSE_MS);
    began.set(n, Number(monotonicNs()));
    change();
  }
  const { arrivalsNs } = await answered;
  const times = [...began].flatMap(([n, at]) => {
    const arrived = arrivalsNs[n] ?? 0;
    return arrived === 0 ? [] : [(arrived - at) / 1000];
  });
  if (times.length === 0) throw new UnumError("INTERNAL", "watch changes: no frame went to a new place");
  return times;
}
