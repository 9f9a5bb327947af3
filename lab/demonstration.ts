// What `npm start` shows, in order. Each line with a ✓ was checked on the running network.

import { Edge } from "./edge.ts";
import { ACME, documentOf } from "./plan.ts";
import { showAddressChange, showDetach, showGateway, showMove } from "./scenes-changes.ts";
import { showPaths, showTraffic, showTunnels } from "./scenes-forwarding.ts";
import { Story, UntrueError } from "./story.ts";
import { buildLab, type Lab } from "./topology.ts";
import { ping } from "./traffic.ts";

/** The stage: network, edge, and who tells of them. */
export interface Scene {
  readonly lab: Lab;
  readonly edge: Edge;
  readonly story: Story;
}

/**
 * Builds the network and tells the story. Returns the path of the document, for those who go on. Throws UntrueError
 * after the first fact that does not hold.
 */
export async function demonstrate(): Promise<string> {
  const story = new Story();
  const began = performance.now();
  story.title("unum: one unnumbered tunnel per server");
  const scene = await build(story);
  try {
    await applyDocument(scene);
    await showTraffic(scene);
    await showTunnels(scene);
    await showPaths(scene);
    await showMove(scene);
    await showAddressChange(scene);
    await showGateway(scene);
    await showDetach(scene);
  } catch (error) {
    if (error instanceof UntrueError) await diagnose(scene);
    throw error;
  }
  story.step(`Done: ${story.facts} facts checked in ${((performance.now() - began) / 1000).toFixed(1)} s`);
  return scene.edge.state;
}

async function build(story: Story): Promise<Scene> {
  story.step("A network of namespaces");
  story.note(`
 customer ── e0 [edge] e1 ──┐
 10.1.0.2       10.2.0.1    ├── underlay ─┬─ s1   10.2.0.2   VMs 172.16.0.1  .2  .3
                            │             ├─ s2   10.2.0.3   VMs 172.16.0.4  .5  .6  and .7, that the edge is not told of
                            │             └─ gw1  10.2.0.9   knows where .7 is`);
  const began = performance.now();
  const lab = await buildLab([ACME]);
  const edge = await Edge.create(lab, {
    onCommand: (command, result) => {
      if (!result) return story.command(command);
      story.output(result.stdout);
      story.output(result.stderr);
    },
  });
  story.note("Servers and gateway are the kernel's own VXLAN devices: what the edge sends and accepts, they judge.");
  story.check(true, "built", `${(performance.now() - began).toFixed(0)} ms`);
  const before = await ping(lab.namespace("customer"), "172.16.0.1", { count: 2, waitMs: 200 });
  story.check(before.received === 0, "without the edge nothing passes", `${before.received} of ${before.sent} pings`);
  return { lab, edge, story };
}

async function applyDocument({ lab, edge, story }: Scene): Promise<void> {
  story.step("One document says what the edge should be");
  story.output(documentOf(lab.tenants));
  story.command(`export UNUM_STATE=${edge.state}`);
  await edge.run("check");
  await edge.run("apply");
  const plan = await edge.attempt("plan");
  story.check(plan.status === 0, "the maps hold what the document says: a second plan is empty");
  await edge.run("show", "ports");
}

/** After a fact that does not hold: what the edge counted. */
async function diagnose({ edge, story }: Scene): Promise<void> {
  story.note("what the edge counted:");
  story.output((await edge.quietly("counters")).stdout, 100);
}
