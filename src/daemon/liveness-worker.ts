// Entry point of the liveness thread (liveness.ts starts it). Nothing in it awaits: it waits in the transport alone.

import { randomInt } from "node:crypto";
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { favourThread, Transport } from "../bfd/index.ts";
import { LivenessMaps, PinDirectory, readLayout } from "../dataplane/index.ts";
import { causeText, UnumError } from "../errors.ts";
import { LivenessLoop, type Wire } from "./liveness-loop.ts";
import type { FromThread, ToThread, Watch } from "./liveness-protocol.ts";

export interface LivenessThreadData {
  readonly pinDir: string;
  readonly objectPath: string;
  readonly wakeFd: number;
}

/** An address that is not there yet may come. */
const LISTEN_AGAIN_US = 1_000_000;

class LivenessThread {
  readonly #data: LivenessThreadData;
  readonly #port = parentPort;
  readonly #loop: LivenessLoop;
  #transport: Transport;
  #maps: LivenessMaps | undefined;
  #mapId = 0;
  #locals = "";
  #missing: Watch["locals"] = [];
  #listenAtUs = 0;
  #trouble: string | undefined;
  #lostBefore = 0;

  constructor(data: LivenessThreadData) {
    this.#data = data;
    favourThread();
    this.#transport = new Transport(data.wakeFd);
    const transport = () => this.#transport;
    const before = () => this.#lostBefore;
    const wire: Wire = {
      receive: (each) => transport().receive(each),
      send: (peer, bytes) => transport().send(peer, bytes),
      flush: () => transport().flush(),
      wait: (us) => transport().wait(us),
      get lost() {
        return before() + transport().lost;
      },
    };
    this.#loop = new LivenessLoop({ wire, now, random, tell: (message) => this.#tell(message) });
  }

  run(): void {
    for (let isWoken = true; ; ) {
      if (isWoken && !this.#obey()) break;
      if (this.#missing.length > 0 && now() >= this.#listenAtUs) this.#listen();
      isWoken = this.#loop.turn();
    }
    this.#transport.close();
    this.#maps?.close();
    this.#port?.close();
  }

  #tell(message: FromThread): void {
    this.#port?.postMessage(message);
  }

  /** Does what the daemon said. False: it is over. */
  #obey(): boolean {
    let watch: Watch | undefined;
    for (let got = this.#next(); got !== undefined; got = this.#next()) {
      if (got.kind === "stop") return false;
      watch = got;
    }
    if (watch === undefined) return true;
    const locals = watch.locals.join();
    if (locals !== this.#locals) this.#move(watch.locals, locals);
    if (watch.mapId !== this.#mapId) this.#openMaps(watch.mapId);
    this.#loop.watch(watch);
    return true;
  }

  #next(): ToThread | undefined {
    return this.#port === null ? undefined : (receiveMessageOnPort(this.#port)?.message as ToThread | undefined);
  }

  #move(locals: Watch["locals"], text: string): void {
    this.#lostBefore += this.#transport.lost;
    this.#transport.close();
    this.#transport = new Transport(this.#data.wakeFd);
    this.#locals = text;
    this.#missing = locals;
    this.#listen();
  }

  #listen(): void {
    this.#listenAtUs = now() + LISTEN_AGAIN_US;
    const failures: string[] = [];
    this.#missing = this.#missing.filter((local) => {
      try {
        this.#transport.listen(local);
        return false;
      } catch (thrown) {
        failures.push(causeText(thrown));
        return true;
      }
    });
    this.#setTrouble(failures.length === 0 ? undefined : failures.join("; "));
  }

  #openMaps(mapId: number): void {
    this.#maps?.close();
    this.#maps = undefined;
    this.#mapId = mapId;
    try {
      this.#maps = new LivenessMaps(new PinDirectory(this.#data.pinDir), readLayout(this.#data.objectPath));
    } catch (thrown) {
      if (!(thrown instanceof UnumError)) throw thrown;
      // Exchanged again just now: the pass that did it says so when it is done.
      this.#mapId = 0;
      this.#setTrouble(causeText(thrown));
    }
    this.#loop.useMaps(this.#maps);
  }

  #setTrouble(message: string | undefined): void {
    if (message === this.#trouble) return;
    this.#trouble = message;
    this.#tell({ kind: "trouble", message });
  }
}

function now(): number {
  return performance.now() * 1000;
}

/** Discriminators are not to be guessed. */
function random(): number {
  return randomInt(2 ** 32) / 2 ** 32;
}

new LivenessThread(workerData as LivenessThreadData).run();
