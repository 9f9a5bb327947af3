// A generator and a sink in a process of their own, on a core of its own: while frames run, this process can do something else.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { UnumError } from "../src/errors.ts";
import type { Place } from "./chain.ts";
import type { Answer, Order } from "./lane-process.ts";

export class Lane {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Takes over the generator and the sink of a chain; what is at the edge's ports is left to the caller. */
  static async start(place: Place, cpu: number): Promise<Lane> {
    const lane = new Lane(fork(join(import.meta.dirname, "lane-process.js"), [JSON.stringify([place, cpu])]));
    await lane.#hear();
    return lane;
  }

  async run(order: Order): Promise<Answer> {
    this.#child.send(order);
    return (await this.#hear()) as Answer;
  }

  async stop(): Promise<void> {
    const gone = once(this.#child, "exit");
    this.#child.disconnect();
    await gone;
  }

  async #hear(): Promise<unknown> {
    const ended = new AbortController();
    const message = once(this.#child, "message", { signal: ended.signal });
    const exit = once(this.#child, "exit", { signal: ended.signal }).then(([status]) => {
      throw new UnumError("INTERNAL", `run lane: its process ended with status ${status}, its errors are above`);
    });
    try {
      return (await Promise.race([message, exit]))[0];
    } finally {
      for (const waiting of [message, exit]) waiting.catch(() => {});
      ended.abort();
    }
  }
}
