// node standby.mjs ARGUMENT... - `unum` with all of it loaded, which begins at SIGUSR2: half of a daemon's start is Node's own.
import "../../dist/src/daemon/index.js";
import "../../dist/src/document/index.js";
import { defaultContext } from "../../dist/src/cli/context.js";
import { run } from "../../dist/src/cli/main.js";

await new Promise((resolve) => {
  const waiting = setInterval(() => {}, 60_000);
  process.once("SIGUSR2", () => {
    clearInterval(waiting);
    resolve();
  });
  process.stderr.write('{"level":"info","msg":"standing by"}\n');
});
await run(process.argv.slice(2), defaultContext());
