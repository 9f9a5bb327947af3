// The daemon: a source, the loop, passes over the maps, and those who ask how it goes. It holds nothing that its death would lose.

import type { Server } from "node:net";
import type { Logger } from "pino";
import type { Counters } from "../dataplane/index.ts";
import { PinDirectory, Plane, readCounters, readIndexes } from "../dataplane/index.ts";
import { UnumError } from "../errors.ts";
import { underlayFingerprint, watchNetlink } from "../netlink/index.ts";
import type { Reading, Source } from "../source/index.ts";
import { Build } from "./build.ts";
import type { HttpAddress } from "./http.ts";
import { serveHttp } from "./http.ts";
import { LivenessWatch } from "./liveness.ts";
import { EventLog, errorFields } from "./log.ts";
import type { LoopEvent, Outcome, Pass } from "./loop.ts";
import { isRefusal, Loop } from "./loop.ts";
import { Metrics } from "./metrics.ts";
import type { Manager } from "./notify.ts";
import { EdgePass } from "./pass.ts";
import type { Request, Waited } from "./protocol.ts";
import { Seat } from "./seat.ts";
import { groupId, listen } from "./server.ts";
import type { Identity } from "./status.ts";
import { healthOf, resultText, statusOf } from "./status.ts";
import { UnderlayWatch } from "./underlay.ts";

export interface DaemonOptions {
  readonly source: Source;
  readonly pinDir: string;
  readonly objectPath: string;
  readonly resolveMs: number;
  readonly resyncMs: number;
  readonly allowMassDelete: boolean;
  readonly socketPath: string;
  readonly socketGroup?: string;
  /** Where metrics are served; undefined: nowhere. */
  readonly metrics?: HttpAddress;
  readonly log: Logger;
  readonly manager: Manager;
  readonly version: string;
}

/** The kernel gives notice of what changes; this is for notices that are lost. */
const UNDERLAY_MS = 5000;
/** Between two lines for the service manager while VMs change all the time. */
const STATUS_MS = 1000;

export class Daemon {
  readonly #options: DaemonOptions;
  readonly #pins: PinDirectory;
  readonly #identity: Identity;
  readonly #seat: Seat;
  readonly #build: Build;
  readonly #loop: Loop;
  readonly #metrics: Metrics;
  readonly #events: EventLog;
  readonly #servers: { close(): void }[] = [];
  readonly #timers: { close(): void }[] = [];
  #fail: (error: unknown) => void = () => {};
  #told = false;
  #later: NodeJS.Timeout | undefined;
  readonly #edge: EdgePass;
  readonly #liveness: LivenessWatch;

  private constructor(options: DaemonOptions) {
    const { source, pinDir, log, version } = options;
    this.#options = options;
    this.#pins = new PinDirectory(pinDir);
    this.#identity = { version, pid: process.pid, pinDir, sourceName: source.name, startedAt: Date.now() };
    this.#events = new EventLog(log);
    this.#seat = new Seat(this.#pins, options.socketPath);
    this.#build = new Build(options.objectPath);
    this.#liveness = new LivenessWatch({
      pinDir,
      objectPath: this.#build.object,
      tell: (event) => this.#events.writeLiveness(event),
    });
    this.#edge = new EdgePass({
      pins: this.#pins,
      objectPath: this.#build.object,
      probePath: this.#build.probe,
      resolveMs: options.resolveMs,
      permit: () => this.#keepSeat(),
      shown: (shown) => this.#liveness.watch(shown),
    });
    this.#metrics = new Metrics({
      counters: () => this.#counters(),
      fill: () => this.#edge.fill,
      view: () => this.#loop.view,
      liveness: () => this.#liveness.report,
      now: Date.now,
      version,
    });
    this.#loop = new Loop({
      pass: this.#counted((state, passOptions) => this.#edge.run(state, passOptions)),
      clock: { now: Date.now, after },
      random: Math.random,
      resyncMs: options.resyncMs,
      allowMassDelete: options.allowMassDelete,
      tell: (event) => this.#tell(event),
    });
  }

  /**
   * Begins to serve and to follow the source. What is pinned goes on as it is until the first state is there.
   * @throws UnumError DAEMON_RUNNING, PIN_DIRECTORY, SYSTEM_CALL, VALUE_INVALID
   */
  static async start(options: DaemonOptions): Promise<Daemon> {
    if (options.socketGroup !== undefined) groupId(options.socketGroup);
    const daemon = new Daemon(options);
    try {
      await daemon.#serve();
    } catch (thrown) {
      await daemon.stop();
      throw thrown;
    }
    daemon.#follow();
    return daemon;
  }

  async #serve(): Promise<void> {
    const { socketPath, socketGroup, metrics, log } = this.#options;
    const socket = { path: socketPath, ...(socketGroup === undefined ? {} : { group: socketGroup }) };
    this.#servers.push(dropping(await listen(socket, (request) => this.#respond(request))));
    if (metrics !== undefined) {
      const pages = {
        metrics: () => this.#metrics.text(),
        health: () => healthOf(this.#loop.view, Date.now(), this.#liveness),
      };
      const server = await serveHttp(metrics, pages);
      this.#servers.push({ close: () => void server.close().closeAllConnections() });
    }
    const { sourceName: source, pinDir, version } = this.#identity;
    log.info({ version, source, pinDir, socket: socketPath, ...(metrics && { metrics }) }, "started");
  }

  #follow(): void {
    const { source, manager } = this.#options;
    source.start((reading) => this.#offer(reading));
    const underlay = { look: () => underlayFingerprint(this.#edge.endpoints), watch: watchNetlink };
    this.#timers.push(new UnderlayWatch(UNDERLAY_MS, underlay, () => this.#loop.request("underlay")));
    if (manager.watchdogMs === undefined) return;
    // Twice as often as asked for, and only while no pass hangs.
    const timer = setInterval(() => {
      if (healthOf(this.#loop.view, Date.now()).healthy) manager.tell({ WATCHDOG: 1 });
    }, manager.watchdogMs / 2);
    this.#timers.push({ close: () => clearInterval(timer) });
  }

  #offer(reading: Reading): void {
    this.#loop.offer(reading);
    if (!reading.ok) this.#ready();
  }

  /** The service is up when the first reading was dealt with, also when it was no good: what was there goes on. */
  #ready(): void {
    const { manager } = this.#options;
    clearTimeout(this.#later);
    this.#later = undefined;
    const { state, applied, failure, source } = statusOf(this.#loop.view, this.#liveness, this.#identity, Date.now());
    const what = source.error ?? failure;
    const text = what === undefined ? `${state}, revision ${applied?.revision ?? "none"}` : `${state}: ${what.message}`;
    manager.tell({ ...(this.#told ? {} : { READY: 1 }), STATUS: text });
    this.#told = true;
  }

  #tell(event: LoopEvent): void {
    this.#events.write(event);
    if (event.kind === "source-read" && event.revision && !this.#told) return;
    // The service manager need not hear of thousands of changes a second.
    if (this.#told && isShort(event)) {
      this.#later ??= setTimeout(() => this.#ready(), STATUS_MS);
      return;
    }
    // Passes end after they tell: the status is that of a moment later.
    setImmediate(() => this.#ready());
  }

  #counted(pass: Pass): Pass {
    return async (state, options) => {
      try {
        const result = await pass(state, options);
        this.#metrics.passed(result);
        return result;
      } catch (thrown) {
        // A short one is followed by a whole one, which counts.
        if (options.changes === undefined) this.#metrics.failed(isRefusal(thrown));
        throw thrown;
      }
    };
  }

  /** Somebody else is the daemon of these pins: this one must not write another byte. */
  #keepSeat(): void {
    try {
      this.#seat.keep();
    } catch (thrown) {
      if (thrown instanceof UnumError && thrown.code === "DAEMON_RUNNING") this.#fail(thrown);
      throw thrown;
    }
  }

  #counters(): Counters | undefined {
    if (!this.#pins.exists() || !this.#pins.isLoaded()) return undefined;
    const plane = Plane.open(this.#pins, this.#build.object);
    try {
      return readCounters(plane, { indexes: readIndexes(plane) });
    } finally {
      plane.close();
    }
  }

  async #respond(request: Request): Promise<object> {
    switch (request.command) {
      case "status":
        return statusOf(this.#loop.view, this.#liveness, this.#identity, Date.now());
      case "health":
        return healthOf(this.#loop.view, Date.now(), this.#liveness);
      case "wait":
        return this.#wait(request);
    }
  }

  async #wait({ revision, timeoutMs, resync, allowMassDelete }: Request & { command: "wait" }): Promise<Waited> {
    const { source } = this.#options;
    const outcome = await this.#within(timeoutMs, revision, async () => {
      const reading = await source.refresh(revision);
      const written = reading.ok && source.includes(reading.state.revision, revision);
      const retried = allowMassDelete && written && this.#loop.allowMassDelete(reading.state.revision);
      return this.#loop.outcome(reading, { resync: resync && !retried });
    });
    if (!outcome.ok) throw outcome.error;
    return { revision: outcome.revision, ...resultText(outcome.result) };
  }

  #within(timeoutMs: number, revision: string, work: () => Promise<Outcome>): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const late = new UnumError(
        "DAEMON_SILENT",
        `wait for revision ${revision}: not in the maps within ${timeoutMs} ms`,
        {
          remedy: "unum status tells what the daemon is doing",
        },
      );
      const cancel = after(timeoutMs, () => reject(late));
      work().then(resolve, reject).finally(cancel);
    });
  }

  /** Reads the source again, and looks at the maps again. */
  reload(): void {
    this.#options.log.info("reload: reading the source again");
    this.#options.manager.tell({ RELOADING: 1, MONOTONIC_USEC: Math.trunc(Number(process.hrtime.bigint() / 1000n)) });
    this.#told = false;
    this.#options.source.refresh().then(() => {
      this.#loop.request("reload");
      this.#ready();
    }, this.#fail);
  }

  /** Resolves when this process may no longer be the daemon, with why. */
  get failed(): Promise<unknown> {
    return new Promise((resolve) => {
      this.#fail = resolve;
    });
  }

  /** Ends what is under way, and leaves everything forwarding. */
  async stop(): Promise<void> {
    const { source, manager, log } = this.#options;
    manager.tell({ STOPPING: 1, STATUS: "stopping; everything goes on forwarding" });
    source.close();
    for (const timer of this.#timers) timer.close();
    await this.#loop.stop();
    await this.#liveness.close();
    clearTimeout(this.#later);
    this.#edge.close();
    for (const server of this.#servers) server.close();
    try {
      this.#seat.leave();
    } catch (thrown) {
      log.warn(errorFields(thrown), "stop: the sign of this daemon stays behind");
    }
    this.#build.close();
  }
}

function isShort(event: LoopEvent): boolean {
  return (event.kind === "source-read" && event.short) || (event.kind === "applied" && event.result.short === true);
}

function after(ms: number, callback: () => void): () => void {
  const timer = setTimeout(callback, ms);
  return () => clearTimeout(timer);
}

/** A server that ends its connections, too. */
function dropping(server: Server): { close(): void } {
  const sockets = new Set<{ destroy(): void }>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  return {
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
