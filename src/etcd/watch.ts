// One watch: a stream of its own, from its creation at one of the members to its end.

import type { ClientDuplexStream, Metadata } from "@grpc/grpc-js";
import { causeText } from "../errors.ts";
import { EtcdError } from "./error.ts";
import { Failure, failureOf } from "./failure.ts";
import type { Login } from "./login.ts";
import type { Member } from "./member.ts";
import type { Members } from "./members.ts";
import { WATCH, type WireWatchRequest, type WireWatchResponse } from "./messages.ts";
import type { Watch, WatchListener, WatchRequest } from "./types.ts";
import { eventOf, headerOf } from "./wire.ts";

type Stream = ClientDuplexStream<WireWatchRequest, WireWatchResponse>;

const TICK_MS = 1000;
/** So many ticks without a message, and the member is asked for one. */
const TICKS_QUIET = 2;
/** So many, and it is not there any more. */
const TICKS_SILENT = 5;
const SUBJECT = "watch etcd";

export class EtcdWatch implements Watch {
  readonly #request: WatchRequest;
  readonly #listener: WatchListener;
  readonly #members: Members;
  readonly #login: Login;
  readonly #timeoutMs: number;
  readonly #onEnd: () => void;
  /** What is open: one that is being created, too. */
  #stream: Stream | undefined;
  #member: Member | undefined;
  #created = false;
  #paused = false;
  #ended = false;
  #clock: NodeJS.Timeout | undefined;
  /** Ticks since the last message. Counted, and not measured: a process that was busy has read nothing, and heard nothing. */
  #quiet = 0;

  constructor(
    request: WatchRequest,
    listener: WatchListener,
    context: { members: Members; login: Login; timeoutMs: number; onEnd: () => void },
  ) {
    this.#request = request;
    this.#listener = listener;
    this.#members = context.members;
    this.#login = context.login;
    this.#timeoutMs = context.timeoutMs;
    this.#onEnd = context.onEnd;
    void this.#open();
  }

  get member(): string | undefined {
    return this.#created ? this.#member?.name : undefined;
  }

  requestProgress(): void {
    if (this.#created && !this.#ended) this.#stream?.write({ progressRequest: {} });
  }

  pause(): void {
    this.#paused = true;
    this.#stream?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#quiet = 0;
    this.#stream?.resume();
  }

  close(): void {
    this.#end(new EtcdError("cancelled", `${SUBJECT}: it was closed here`));
  }

  async #open(): Promise<void> {
    try {
      await this.#members.ask(SUBJECT, this.#timeoutMs, "always", async (member, { reachMs, shareMs }) => {
        await member.reach(reachMs);
        const create = (metadata: Metadata) => this.#create(member, metadata, shareMs);
        // For a token that it does not know, etcd 3.4 says "permission denied".
        await this.#login.under(member, shareMs, create, ({ kind, options }) => {
          return options.staleToken === true || kind === "permission-denied";
        });
      });
    } catch (thrown) {
      const text = `${SUBJECT}: ${causeText(thrown)}`;
      this.#end(thrown instanceof EtcdError ? thrown : new EtcdError("unknown", text, { cause: thrown }));
    }
  }

  /** Resolves when the member confirms the watch; from then on, `#end` is told of what happens. */
  #create(member: Member, metadata: Metadata, deadlineMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return resolve();
      const stream = member.stream(WATCH, metadata);
      this.#stream = stream;
      this.#member = member;
      const allowedMs = deadlineMs - Date.now();
      const timer = setTimeout(() => {
        member.renew();
        fail(new Failure("unavailable", `no answer within ${Math.round(allowedMs)} ms`, { elsewhere: true }));
      }, allowedMs);
      /** Of this stream, whoever hears of it. */
      const fail = (failure: Failure): void => {
        clearTimeout(timer);
        if (this.#stream !== stream) return;
        this.#stream = undefined;
        stream.cancel();
        if (this.#created) this.#fail(member, failure);
        else reject(failure);
      };
      stream.on("error", () => {}); // said by its status as well
      stream.on("status", (status) => {
        fail(
          status.code === 0 ? new Failure("unavailable", "it ended the watch", { elsewhere: true }) : failureOf(status),
        );
      });
      stream.on("data", (response: WireWatchResponse) => {
        if (this.#stream !== stream) return;
        this.#quiet = 0;
        if (response.canceled === true) return fail(cancellationOf(response));
        if (response.created === true) {
          clearTimeout(timer);
          this.#begin(response);
          resolve();
        } else if (response.events === undefined) this.#listener.progress(headerOf(response.header));
        else this.#listener.events(response.events.map(eventOf), headerOf(response.header));
      });
      const { key, end: rangeEnd, startRevision } = this.#request;
      stream.write({ createRequest: { key, rangeEnd, startRevision } });
      if (this.#paused) stream.pause();
    });
  }

  #begin(response: WireWatchResponse): void {
    this.#created = true;
    this.#clock = setInterval(() => this.#tick(), TICK_MS);
    this.#listener.created(headerOf(response.header));
  }

  #tick(): void {
    if (this.#paused) return;
    this.#quiet++;
    if (this.#quiet > TICKS_SILENT) {
      this.#member?.renew();
      const text = `no answer within ${((TICKS_SILENT - TICKS_QUIET) * TICK_MS) / 1000} s to whether it is there`;
      this.#fail(this.#member as Member, new Failure("unavailable", text));
    } else if (this.#quiet >= TICKS_QUIET) this.requestProgress();
  }

  /** A watch that was there. */
  #fail(member: Member, failure: Failure): void {
    const { kind, message, options } = failure;
    if (kind === "unavailable") this.#members.avoid(member);
    const { remedy, compactRevision } = options;
    this.#end(
      new EtcdError(kind, `${SUBJECT}: ${member.name}: ${message}`, { remedy, compactRevision, cause: failure }),
    );
  }

  #end(reason: EtcdError): void {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#clock);
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.cancel();
    this.#onEnd();
    this.#listener.end(reason);
  }
}

/** A member that ends a watch says why in one of two ways. */
function cancellationOf({ compactRevision, cancelReason = "" }: WireWatchResponse): Failure {
  const oldest = compactRevision?.toNumber() ?? 0;
  if (oldest > 0) {
    const text = `the revision to begin with has been compacted, the oldest one is ${oldest}`;
    return new Failure("compacted", text, { compactRevision: oldest });
  }
  return failureOf({ code: 0, details: cancelReason === "" ? "it cancelled the watch" : cancelReason });
}
