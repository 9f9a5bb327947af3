// node migrate.mjs PINS OBJECT - opens an edge's tables as a writer of that build does, which takes them over, and ends.
import { PinDirectory, Plane } from "../../dist/src/dataplane/index.js";

const [, , pins, object] = process.argv;
Plane.load(new PinDirectory(pins), object, { vmCapacity: 1024, vm6Capacity: 1024, lockWaitMs: 10_000 }).close();
