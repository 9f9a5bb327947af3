// The daemon's end of its liveness thread: tells it what to watch, and keeps what it says.

import { readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import type { AuthKey } from "../bfd/index.ts";
import { Wake } from "../bfd/index.ts";
import { causeText, UnumError } from "../errors.ts";
import type { Bfd, BfdAuth, Model } from "../model/index.ts";
import type { FromThread, LivenessPeer, LivenessReport, ToThread } from "./liveness-protocol.ts";
import type { LivenessThreadData } from "./liveness-worker.ts";

export interface LivenessOptions {
  readonly pinDir: string;
  readonly objectPath: string;
  /** Told of every change as it happens. */
  readonly tell: (event: LivenessEvent) => void;
}

export type LivenessEvent =
  | Exclude<FromThread, { readonly kind: "report" }>
  /** The thread ended by itself: nobody is watched any more, and everything stays as it was. */
  | { readonly kind: "dead"; readonly error: unknown };

/** What is pinned, as far as liveness needs to know. */
export interface Watchable {
  readonly model: Model;
  /** Of endpoints, by name. */
  readonly indexes: ReadonlyMap<string, number>;
  readonly mapId: number;
}

/** Each costs the peer one packet more. */
const PROBE_INTERVAL_US = 1_000_000;

const NO_REPORT: LivenessReport = { sessions: [], discards: {}, lost: 0, allSilent: false };

export class LivenessWatch {
  readonly #options: LivenessOptions;
  #worker: Worker | undefined;
  #wake: Wake | undefined;
  #report = NO_REPORT;
  #told = "";
  #troubles: readonly string[] = [];
  #keyTroubles: readonly string[] = [];

  constructor(options: LivenessOptions) {
    this.#options = options;
  }

  get report(): LivenessReport {
    return this.#report;
  }

  /** What keeps endpoints from being watched, a line each. */
  get troubles(): readonly string[] {
    return [...this.#troubles, ...this.#keyTroubles];
  }

  /** Watches what the maps show now. The thread is started when there is something to watch. */
  watch({ model, indexes, mapId }: Watchable): void {
    const peers = this.#peersOf(model, indexes);
    if (peers.length === 0 && this.#worker === undefined) return;
    const { address, address6 } = model.edge;
    const locals = [address, address6].filter((local) => local !== undefined);
    this.#say({ kind: "watch", locals, mapId, peers });
  }

  #peersOf({ servers, gateways, profiles }: Model, indexes: ReadonlyMap<string, number>): LivenessPeer[] {
    const keys = new Map<BfdAuth, AuthKey | undefined>();
    this.#keyTroubles = [];
    return [...servers, ...gateways].flatMap(([name, { address, profile, drained }]) => {
      const bfd = profiles.get(profile)?.bfd;
      const index = indexes.get(name);
      if (bfd === undefined || index === undefined) return [];
      const auth = bfd.auth && this.#keyOf(bfd.auth, keys);
      // Without its key, it cannot be watched.
      if (bfd.auth !== undefined && auth === undefined) return [];
      return [{ ...peerOf(name, address, index, bfd, auth), ...(drained && { drained }) }];
    });
  }

  #keyOf(auth: BfdAuth, known: Map<BfdAuth, AuthKey | undefined>): AuthKey | undefined {
    if (!known.has(auth)) {
      try {
        known.set(auth, { type: auth.type, keyId: auth.keyId, secret: readSecret(auth.keyFile) });
      } catch (thrown) {
        known.set(auth, undefined);
        this.#keyTroubles = [...this.#keyTroubles, `read the key of BFD: ${causeText(thrown)}`];
      }
    }
    return known.get(auth);
  }

  /** The same again is not said: a pass that changes nothing disturbs nobody. */
  #say(message: ToThread): void {
    const text = JSON.stringify(message);
    if (text === this.#told) return;
    this.#told = text;
    this.#worker ??= this.#start();
    this.#worker.postMessage(message);
    this.#wake?.wake();
  }

  #start(): Worker {
    const { pinDir, objectPath, tell } = this.#options;
    this.#wake = new Wake();
    const workerData: LivenessThreadData = { pinDir, objectPath, wakeFd: this.#wake.fd };
    // The same file, compiled or not.
    const file = new URL(import.meta.url.replace(/liveness(\.[jt]s)$/, "liveness-worker$1"));
    const worker = new Worker(file, { workerData });
    worker.on("message", (message: FromThread) => {
      if (message.kind === "report") this.#report = message.report;
      else if (message.kind === "trouble") this.#troubles = message.message === undefined ? [] : [message.message];
      if (message.kind !== "report") tell(message);
    });
    worker.on("error", (error) => {
      this.#worker = undefined;
      this.#told = "";
      this.#report = NO_REPORT;
      tell({ kind: "dead", error });
    });
    return worker;
  }

  /** Ends the thread. What packets go by stays as it is. */
  async close(): Promise<void> {
    const worker = this.#worker;
    if (worker !== undefined) {
      const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
      this.#say({ kind: "stop" });
      await ended;
    }
    this.#wake?.close();
    this.#worker = undefined;
    this.#wake = undefined;
  }
}

function peerOf(
  name: string,
  address: LivenessPeer["address"],
  index: number,
  { intervalUs, multiplier, multihop, holdDownUs }: Bfd,
  auth: AuthKey | undefined,
): LivenessPeer {
  const config = { intervalUs, multiplier, probeIntervalUs: PROBE_INTERVAL_US, ...(auth && { auth }) };
  return { name, address, index, multihop, holdDownUs, config };
}

/** @throws UnumError VALUE_INVALID; what Node says of the file */
function readSecret(path: string): Uint8Array {
  const text = readFileSync(path);
  const end = text.indexOf(0x0a);
  const secret = end === -1 ? text : text.subarray(0, end);
  if (secret.length >= 1 && secret.length <= SECRET_BYTES_MAX) return Uint8Array.from(secret);
  throw new UnumError("VALUE_INVALID", `${path}: a key of ${secret.length} bytes, expected 1 to ${SECRET_BYTES_MAX}`);
}

/** RFC 5880 section 4.4. */
const SECRET_BYTES_MAX = 20;
