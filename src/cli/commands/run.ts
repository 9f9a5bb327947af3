import { resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { observe, PinDirectory, Plane } from "../../dataplane/index.ts";
import { causeText, UnumError } from "../../errors.ts";
import type { Model } from "../../model/index.ts";
import { durationText, parseDurationUs } from "../../model/index.ts";
import type { Context } from "../context.ts";
import {
  DEFAULT_SOCKET,
  examples,
  packageVersion,
  pinDirOption,
  socketOption,
  sourceOption,
  stateOption,
} from "../context.ts";

interface RunOptions {
  readonly source: string;
  readonly state: string;
  readonly pinDir: string;
  readonly socket: string;
  readonly socketGroup?: string;
  readonly metrics: string;
  readonly resync: number;
  readonly allowMassDelete?: true;
  readonly logLevel: string;
}

/** Tables that exist keep their sizes; who waits for the lock would keep the daemon from answering. */
const AS_THEY_ARE = { vmCapacity: 1, vm6Capacity: 1, lockWaitMs: 0 };
const RESYNC_MS = { min: 1000, max: 3_600_000 };

/** Milliseconds of a period such as "10s". */
function period(text: string): number {
  const ms = (parseDurationUs(text) ?? 0) / 1000;
  if (ms >= RESYNC_MS.min && ms <= RESYNC_MS.max) return ms;
  const [min, max] = [durationText(RESYNC_MS.min * 1000), durationText(RESYNC_MS.max * 1000)];
  throw new InvalidArgumentError(`expected ${min} to ${max}`);
}

/** `unum run`: the daemon. */
export function runCommand(context: Context): Command {
  return new Command("run")
    .description("follow a source: keep maps and ports equal to it until told to stop; packets need no process")
    .addOption(sourceOption("where desired state comes from: file:PATH or etcd:URL").makeOptionMandatory())
    .addOption(stateOption("with etcd: document with the edge's own part, version and edge"))
    .addOption(pinDirOption())
    .addOption(socketOption())
    .addOption(new Option("--socket-group <group>", "group that may ask at the socket (default: nobody but the user)"))
    .addOption(
      new Option("--metrics <address>", "where /metrics, /healthz and /readyz are served, or off").default(
        "127.0.0.1:9464",
      ),
    )
    .addOption(
      new Option("--resync <period>", "a pass over the maps at least so often")
        .argParser(period)
        .default(10_000, "10s"),
    )
    .addOption(new Option("--allow-mass-delete", "let more than half of a table go at once"))
    .addOption(
      new Option("--log-level <level>", "the least that is logged")
        .choices(["fatal", "error", "warn", "info", "debug", "silent"])
        .default("info"),
    )
    .addHelpText(
      "after",
      examples(
        "unum run --source file:/etc/unum/state.yaml",
        "unum run --source etcd:https://10.9.0.1:2379,10.9.0.2:2379/unum/v1?ca=/etc/unum/ca.pem --state /etc/unum/edge.yaml",
        "unum run --source file:two.yaml --pin-dir /sys/fs/bpf/edge2 --socket /run/unum/edge2.sock --metrics off",
      ) +
        `
etcd:URL is https://HOST:PORT,HOST:PORT/PREFIX and, after a ?, NAME=VALUE joined by &: ca, certificate and
key (files), user and passwordFile. http:// is for networks that nobody else can reach.
SIGTERM and SIGINT end it; everything goes on forwarding. SIGHUP reads the source again.
unum status shows what it does; the log is JSON on stderr. Default socket: ${DEFAULT_SOCKET}.
`,
    )
    .action(async (options: RunOptions) => {
      const daemon = await import("../../daemon/index.ts");
      const { openSource } = await import("../../source/index.ts");
      const metrics = options.metrics === "off" ? undefined : daemon.parseHttpAddress(options.metrics);
      const log = daemon.openLog(options.logLevel as (typeof daemon.LOG_LEVELS)[number]);
      const running = await daemon.Daemon.start({
        source: await openSource(options.source, {
          edgePath: resolve(options.state),
          known: () => observedModel(options.pinDir, context.objectPath),
        }),
        pinDir: resolve(options.pinDir),
        objectPath: context.objectPath,
        resolveMs: context.resolveMs,
        resyncMs: options.resync,
        allowMassDelete: options.allowMassDelete === true,
        socketPath: resolve(options.socket),
        ...(options.socketGroup === undefined ? {} : { socketGroup: options.socketGroup }),
        ...(metrics === undefined ? {} : { metrics }),
        log,
        manager: daemon.openManager(process.env, process.pid),
        version: packageVersion(),
      });
      const onReload = () => running.reload();
      process.on("SIGHUP", onReload);
      const ended = await Promise.race([signalled(), running.failed.then((error) => ({ error }))]);
      if (typeof ended === "string") log.info({ signal: ended }, "stopping; everything goes on forwarding");
      await running.stop();
      process.off("SIGHUP", onReload);
      if (typeof ended !== "string") throw ended.error ?? new Error(causeText(ended));
    });
}

/** What the maps show, if there are any. */
function observedModel(pinDir: string, objectPath: string): Model | undefined {
  const pins = new PinDirectory(resolve(pinDir));
  if (!pins.exists() || !pins.isLoaded()) return undefined;
  try {
    using plane = Plane.open(pins, objectPath);
    return observe(plane).state?.model;
  } catch (thrown) {
    if (!(thrown instanceof UnumError) || thrown.code !== "MAP_INCOMPATIBLE") throw thrown;
    // Another build was here: a writer takes its maps over.
    using plane = Plane.load(pins, objectPath, AS_THEY_ARE);
    return observe(plane).state?.model;
  }
}

/** The signal that ends this process. Another one does so at once. */
function signalled(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve(signal));
  });
}
