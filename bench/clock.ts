// Time, on a machine that others use as well.

import { readFileSync } from "node:fs";

/** How long this thread has been waiting for a core in all (Documentation/scheduler/sched-stats.rst). */
export function waitedNs(): number {
  return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, "utf8").split(" ")[1]);
}

/** How long something takes that does not return to the event loop, less what others had the core meanwhile. */
export function timeNs(act: () => void): number {
  const [began, waited] = [process.hrtime.bigint(), waitedNs()];
  act();
  return Number(process.hrtime.bigint() - began) - (waitedNs() - waited);
}
