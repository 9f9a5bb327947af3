import { rm } from "node:fs/promises";
import { afterAll, beforeAll } from "vitest";
import { Edge, PIN_DIRECTORY } from "../../lab/edge.ts";
import { ACME, type TenantPlan } from "../../lab/plan.ts";
import { buildLab, type Lab } from "../../lab/topology.ts";

/** The demonstration network with its document applied, for the tests of one file. */
export interface Stage {
  readonly lab: Lab;
  readonly edge: Edge;
}

/** Makes a stage before the file's tests, and takes it away after them. */
export function useStage(tenants: readonly TenantPlan[] = [ACME], { apply = true } = {}): Stage {
  let stage: Stage | undefined;
  const current = (): Stage => {
    if (!stage) throw new Error("use the lab outside of a test: it is built before the first one");
    return stage;
  };
  beforeAll(async () => {
    if (process.env.UNUM_SANDBOX !== "1") throw new Error("run a system test: only in scripts/sandbox; use npm test");
    const lab = await buildLab(tenants);
    stage = { lab, edge: await Edge.create(lab) };
    if (apply) await stage.edge.run("apply");
  });
  afterAll(async () => {
    await stage?.edge.quietly("detach", "--all");
    await stage?.lab[Symbol.asyncDispose]();
    await rm(PIN_DIRECTORY, { recursive: true, force: true });
  });
  return {
    get lab() {
      return current().lab;
    },
    get edge() {
      return current().edge;
    },
  };
}
