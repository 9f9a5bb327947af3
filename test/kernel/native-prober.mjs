// A second thread that runs a program without end, while the test changes what it reads. Plain JavaScript, because a
// worker thread loads no TypeScript; it also shows that the addon serves more than one thread.
import { createRequire } from "node:module";
import { parentPort, workerData } from "node:worker_threads";

const { addonPath, pins, stop } = workerData;
const { BpfProgram } = createRequire(import.meta.url)(addonPath);
const stopped = new Int32Array(stop);
const programs = pins.map((pin) => BpfProgram.openPinned(pin));
const frame = new Uint8Array(64);

parentPort.postMessage("started");
while (Atomics.load(stopped, 0) === 0) {
  // The program repeats itself; a repeat count of more than one would make the kernel rebuild its dispatcher each time.
  for (const program of programs) program.testRun(frame, 1);
}
for (const program of programs) program.close();
