// The process of a lane (lane.ts): sends frames through a chain, on a core of its own, when it is told to.

import { run } from "../lab/network.ts";
import { Chain, type Place, type Run, type Sample, type Sink } from "./chain.ts";

/** What a lane is told. */
export interface Order {
  readonly run: Run;
  readonly sink: Sink;
}

/** What it answers: what became of the frames, and when the first frame to each of 256 servers arrived (sink_watch). */
export interface Answer {
  readonly sample: Sample;
  readonly arrivalsNs: readonly number[];
}

const [place, cpu] = JSON.parse(process.argv[2] ?? "[]") as [Place, number];
await run("taskset", ["--pid", "--cpu-list", String(cpu), String(process.pid)]);
const chain = Chain.open(place);

process.on("message", async ({ run, sink }: Order) => {
  chain.setSink(sink);
  chain.clearWords("arrivals");
  const sample = await chain.run(run);
  const answer: Answer = { sample, arrivalsNs: chain.words("arrivals") };
  process.send?.(answer);
});
process.on("disconnect", () => process.exit());
process.send?.("ready");
