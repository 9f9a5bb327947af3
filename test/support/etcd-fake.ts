// etcd in memory, with its whole history, for those who follow it: it answers as a cluster does, and fails as it is told to.

import type { Header, KeyValue, RangeRequest, RangeResult, Watch, WatchEvent } from "../../src/etcd/index.ts";
import { EtcdError, type WatchListener, type WatchRequest } from "../../src/etcd/index.ts";
import { bytes } from "./keyed.ts";

/** One key as it was from a revision on. */
interface Version {
  readonly revision: number;
  readonly createRevision: number;
  /** undefined: deleted. */
  readonly value: Uint8Array | undefined;
}

/** A text is put as it is. undefined: the key goes. */
export type Change = readonly [key: string, value: string | Uint8Array | undefined];

const WATCHES_MAX = 10_000;

const text = (data: Uint8Array): string => Buffer.from(data).toString();

export class FakeEtcd {
  clusterId = "7";
  revision = 1;
  /** Keys of one answer at most, whatever was asked for. */
  pageKeys = Number.POSITIVE_INFINITY;
  /** Awaited before a range is answered, or throws in its place. */
  beforeRange: (request: RangeRequest) => unknown = () => {};
  /** Awaited before a watch is confirmed, or throws, which ends it. */
  beforeWatch: (request: WatchRequest) => unknown = () => {};
  /** What the member that serves watches knows so far; undefined: everything. */
  lagging: number | undefined;
  /** Watches say nothing any more, and take no questions. */
  mute = false;
  /** Events are lost on their way. */
  deaf = false;
  readonly ranges: RangeRequest[] = [];
  readonly watches: FakeWatch[] = [];
  closed = false;
  #keys = new Map<string, Version[]>();
  #history: { readonly revision: number; readonly events: readonly WatchEvent[] }[] = [];
  #compacted = 0;

  get header(): Header {
    return { clusterId: this.clusterId, memberId: "1", revision: this.revision, raftTerm: 2 };
  }

  get open(): readonly FakeWatch[] {
    return this.watches.filter(({ ended }) => !ended);
  }

  /** Keys and values as they are now. */
  get contents(): ReadonlyMap<string, Uint8Array> {
    return new Map(this.#at(this.revision).map(({ key, value }) => [text(key), value]));
  }

  /** Changes keys, all at one revision. @returns the revision that has them */
  change(...changes: readonly Change[]): number {
    return this.changeAll(changes);
  }

  changeAll(changes: Iterable<Change>): number {
    const revision = this.revision + 1;
    const events: WatchEvent[] = [];
    for (const [key, given] of changes) {
      const versions = this.#keys.get(key) ?? [];
      const before = versions.at(-1);
      const value = typeof given === "string" ? bytes(given) : given;
      if (value === undefined && before?.value === undefined) continue;
      const createRevision = before?.value === undefined ? revision : before.createRevision;
      versions.push({ revision, createRevision, value });
      this.#keys.set(key, versions);
      const kv = { key: bytes(key), value: value ?? new Uint8Array(), modRevision: revision, createRevision };
      events.push({ type: value === undefined ? "delete" : "put", kv });
    }
    if (events.length === 0) return this.revision;
    this.revision = revision;
    this.#history.push({ revision, events });
    for (const watch of this.open) watch.follow();
    return revision;
  }

  /** Forgets what was before a revision; who still wants it is told so. */
  compact(revision = this.revision): void {
    this.#compacted = revision;
    this.#history = this.#history.filter((past) => past.revision > revision);
  }

  get compacted(): number {
    return this.#compacted;
  }

  /** As after a restart from a copy that was made at a revision. */
  goBackTo(revision: number): void {
    this.revision = revision;
    this.#history = this.#history.filter((past) => past.revision <= revision);
    for (const versions of this.#keys.values()) {
      while ((versions.at(-1)?.revision ?? 0) > revision) versions.pop();
    }
    this.endWatches();
  }

  endWatches(error = new EtcdError("unavailable", "watch etcd: 127.0.0.1:2379: it ended the watch")): void {
    for (const watch of this.open) watch.end(error);
  }

  async range(request: RangeRequest): Promise<RangeResult> {
    this.ranges.push(request);
    await this.beforeRange(request);
    const { key, end, limit = 0, revision = 0, countOnly = false } = request;
    if (revision !== 0 && revision < this.#compacted)
      throw new EtcdError("compacted", `read from etcd: revision ${revision} has been compacted`);
    const all = this.#at(revision === 0 ? this.revision : revision).filter((kv) =>
      end === undefined ? text(kv.key) === text(key) : Buffer.compare(kv.key, key) >= 0 && isBefore(kv.key, end),
    );
    const max = Math.min(this.pageKeys, limit === 0 ? Number.POSITIVE_INFINITY : limit);
    const kvs = countOnly ? [] : all.slice(0, max);
    return { header: this.header, kvs, more: kvs.length < all.length && !countOnly, count: all.length };
  }

  watch(request: WatchRequest, listener: WatchListener): Watch {
    // Without pause, no timer would ever get its turn.
    if (this.watches.length >= WATCHES_MAX) throw new Error(`watch the fake etcd: ${WATCHES_MAX} times already`);
    const watch = new FakeWatch(this, request, listener);
    this.watches.push(watch);
    return watch;
  }

  close(): void {
    this.closed = true;
    this.endWatches(new EtcdError("cancelled", "watch etcd: the client was closed"));
  }

  since(revision: number): readonly { readonly revision: number; readonly events: readonly WatchEvent[] }[] {
    return this.#history.filter((past) => past.revision >= revision);
  }

  #at(revision: number): KeyValue[] {
    const found: KeyValue[] = [];
    for (const [key, versions] of this.#keys) {
      const last = versions.findLast((version) => version.revision <= revision);
      if (last?.value === undefined) continue;
      const { value, revision: modRevision, createRevision } = last;
      found.push({ key: bytes(key), value, modRevision, createRevision });
    }
    return found.sort((a, b) => Buffer.compare(a.key, b.key));
  }
}

export class FakeWatch implements Watch {
  readonly member = "127.0.0.1:2379";
  readonly request: WatchRequest;
  ended = false;
  /** Signs of life that were asked for. */
  asked = 0;
  readonly #etcd: FakeEtcd;
  readonly #listener: WatchListener;
  #next: number;
  #created = false;

  constructor(etcd: FakeEtcd, request: WatchRequest, listener: WatchListener) {
    this.#etcd = etcd;
    this.request = request;
    this.#listener = listener;
    this.#next = request.startRevision;
    void this.#create();
  }

  async #create(): Promise<void> {
    try {
      await this.#etcd.beforeWatch(this.request);
    } catch (thrown) {
      this.end(thrown as EtcdError);
    }
    if (this.ended || this.#etcd.mute) return;
    this.#created = true;
    this.#listener.created(this.#header);
    this.follow();
  }

  get #header(): Header {
    const { header, lagging } = this.#etcd;
    return { ...header, revision: Math.min(header.revision, lagging ?? header.revision) };
  }

  /** Tells what there is to tell. */
  follow(): void {
    const { mute, deaf, lagging = Number.POSITIVE_INFINITY, compacted } = this.#etcd;
    if (!this.#created || this.ended || mute) return;
    if (this.#next < compacted) {
      const compactRevision = compacted;
      this.end(new EtcdError("compacted", `watch etcd: the oldest revision is ${compacted}`, { compactRevision }));
      return;
    }
    for (const { revision, events } of this.#etcd.since(this.#next)) {
      if (this.ended || revision > lagging) return;
      this.#next = revision + 1;
      const wanted = events.filter(({ kv }) => this.#wants(kv.key));
      if (!deaf && wanted.length > 0) this.#listener.events(wanted, this.#header);
    }
  }

  #wants(key: Uint8Array): boolean {
    const { key: from, end } = this.request;
    return Buffer.compare(key, from) >= 0 && (end === undefined || isBefore(key, end));
  }

  /** Events of a revision that the follower may have had before. */
  tellAgain(wanted: number): void {
    for (const { revision, events } of this.#etcd.since(wanted)) {
      if (revision === wanted) this.#listener.events(events, this.#header);
    }
  }

  requestProgress(): void {
    this.asked++;
    queueMicrotask(() => {
      if (this.#created && !this.ended && !this.#etcd.mute) this.#listener.progress(this.#header);
    });
  }

  pause(): void {}

  resume(): void {}

  end(error: EtcdError): void {
    if (this.ended) return;
    this.ended = true;
    this.#listener.end(error);
  }

  close(): void {
    this.end(new EtcdError("cancelled", "watch etcd: it was closed here"));
  }
}

/** A range that ends in one zero byte has no end. */
function isBefore(key: Uint8Array, end: Uint8Array): boolean {
  return (end.length === 1 && end[0] === 0) || Buffer.compare(key, end) < 0;
}
