// node planner.mjs PINS OBJECT - for each path of a document on stdin, prints as JSON what there is to do for it: planned in this
// network namespace, many times in one process, where a command would take half a second each.
import { createInterface } from "node:readline";
import { PinDirectory, Plane } from "../../dist/src/dataplane/index.js";
import { loadDocument } from "../../dist/src/document/index.js";
import { isEmpty, planEdge } from "../../dist/src/edge/reconcile.js";

const [, , pins, object] = process.argv;
for await (const document of createInterface({ input: process.stdin })) {
  const { model } = loadDocument(document);
  const plane = Plane.open(new PinDirectory(pins), object);
  try {
    const plan = await planEdge(plane, model, { resolveMs: 0, ask: false });
    const { changes, rows, programs } = plan;
    console.log(JSON.stringify(isEmpty(plan) ? "nothing to do" : { changes, rows, programs }));
  } finally {
    plane.close();
  }
}
