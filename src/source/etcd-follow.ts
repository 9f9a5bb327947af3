// Following a prefix of etcd: list, watch, and list again whenever the watch may have missed something, and from time to time all
// the same. It knows keys and values, and nothing of what they mean.

import { causeText } from "../errors.ts";
import type { EtcdClient, Header, KeyValue, WatchEvent } from "../etcd/index.ts";
import { EtcdError, prefixEnd } from "../etcd/index.ts";
import type { Listed } from "./etcd-list.ts";
import { listKeys } from "./etcd-list.ts";
import type { Ended } from "./etcd-session.ts";
import { Session } from "./etcd-session.ts";

/** Where keys and values are kept. */
export interface KeyStore {
  put(key: Uint8Array, value: Uint8Array, revision: number): void;
  delete(key: Uint8Array): void;
}

export interface FollowListener<S> {
  /** A whole list is in the place of all that was known. @param lost the watch had not told of something in it */
  listed(store: S, revision: number, lost: boolean): void;
  /** Events went into the store: all those of one revision, or of several. */
  changed(store: S, revision: number): void;
  /** Nothing is heard, and why; what was known is kept. Told again only when the reason is another one. */
  failed(error: EtcdError): void;
  /** After that: the store is followed again, and has not changed. */
  recovered(store: S): void;
}

export interface FollowOptions<S extends KeyStore> {
  readonly client: Pick<EtcdClient, "range" | "watch">;
  readonly prefix: Uint8Array;
  readonly makeStore: () => S;
  readonly sameStore: (a: S, b: S) => boolean;
  readonly listener: FollowListener<S>;
  readonly periods?: Partial<Periods>;
  readonly random?: () => number;
}

export interface Periods {
  /** A watch that is silent is asked for a sign of life so often, and has as long to give it. */
  readonly signMs: number;
  /** A new list at least so often; not before two hundred times as long as one takes. */
  readonly auditMs: number;
  readonly retryMs: { readonly first: number; readonly max: number };
}

const PERIODS: Periods = { signMs: 5000, auditMs: 60_000, retryMs: { first: 100, max: 5000 } };
/**
 * Until a sign of life counts for what it says. Members before 3.4.25 and 3.5.8 may give it before events that they have ready,
 * which follow at once (etcd issue 15220).
 */
const LATE_MS = 100;
/** Part of the time that lists may take. */
const AUDIT_SHARE = 200;

interface ListedStore<S> extends Listed {
  readonly store: S;
}

export class Follower<S extends KeyStore> {
  readonly #options: FollowOptions<S>;
  readonly #periods: Periods;
  #store: S | undefined;
  #clusterId = "";
  /** Of the list and the events that are in the store. */
  #revision = 0;
  /** Up to here, the watch says, it has told everything. */
  #told = 0;
  #listMs = 0;
  #session: Session | undefined;
  /** Events that came while a list was under way. */
  #recorded: WatchEvent[] | undefined;
  #waiting: { readonly revision: number; readonly resolve: () => void }[] = [];
  #wake: (() => void) | undefined;
  #failure: string | undefined;
  #closed = false;

  constructor(options: FollowOptions<S>) {
    this.#options = options;
    this.#periods = { ...PERIODS, ...options.periods };
  }

  start(): void {
    void this.#run();
  }

  /** Lists again, now. A failure is told whether or not it was told before: somebody wants to know. */
  relist(): void {
    const error = new EtcdError("cancelled", "follow etcd: a new list was asked for");
    this.#failure = undefined;
    if (this.#session !== undefined) this.#session.end({ error, relist: true, asked: true });
    else {
      this.#forget();
      this.#wake?.();
    }
  }

  #forget(): void {
    [this.#store, this.#revision, this.#told] = [undefined, 0, 0];
  }

  /** Resolves when the store has all that happened up to a revision. */
  reached(revision: number): Promise<void> {
    if (Math.max(this.#told, this.#revision) >= revision) return Promise.resolve();
    this.#session?.ask();
    return new Promise((resolve) => this.#waiting.push({ revision, resolve }));
  }

  close(): void {
    this.#closed = true;
    this.#session?.end({ error: new EtcdError("cancelled", "follow etcd: it was ended"), relist: false });
    this.#wake?.();
    this.#waiting = [];
  }

  async #run(): Promise<void> {
    let failures = 0;
    let relisted = false;
    while (!this.#closed) {
      let ended: Ended;
      try {
        if (this.#store === undefined) await this.#listAnew();
        if (this.#closed) return;
        // One that says nothing but that it is there may end the same way again, and at once.
        ended = await this.#watch(() => {
          failures = 0;
          relisted = false;
        });
      } catch (thrown) {
        ended = { error: asFailure(thrown), relist: false };
      }
      if (this.#closed) return;
      if (ended.relist) {
        this.#forget();
        // A new list is a remedy, once.
        if (!relisted || ended.asked === true) failures = 0;
        relisted = true;
      }
      // A watch that ends is taken up again at once, at another member; only when that fails is there something to tell.
      if (failures > 0) this.#fail(ended.error);
      if (failures > 0) await this.#pause(failures);
      failures++;
    }
  }

  #fail(error: EtcdError): void {
    if (this.#failure === error.message) return;
    this.#failure = error.message;
    this.#options.listener.failed(error);
  }

  #pause(failures: number): Promise<void> {
    const { first, max } = this.#periods.retryMs;
    const ms =
      Math.min(max, first * 2 ** Math.min(failures - 1, 16)) * (0.5 + (this.#options.random ?? Math.random)() / 2);
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #list(): Promise<ListedStore<S>> {
    const { client, prefix, makeStore } = this.#options;
    const started = performance.now();
    const store = makeStore();
    const listed = await listKeys(client, prefix, ({ key, value, modRevision }: KeyValue) =>
      store.put(key, value, modRevision),
    );
    this.#listMs = performance.now() - started;
    return { store, ...listed };
  }

  async #listAnew(): Promise<void> {
    const list = await this.#list();
    if (this.#closed) return;
    this.#adopt(list, false);
  }

  #adopt({ store, revision, clusterId }: ListedStore<S>, lost: boolean): void {
    this.#store = store;
    this.#clusterId = clusterId;
    this.#revision = revision;
    this.#told = revision;
    this.#failure = undefined;
    this.#options.listener.listed(store, revision, lost);
    this.#settle();
  }

  /** Watches until that ends. @param works called when the watch says more than that it is there */
  #watch(works: () => void): Promise<Ended> {
    return new Promise((resolve) => {
      const { client, prefix } = this.#options;
      const session = new Session(this.#periods.signMs, (ended) => {
        if (this.#session === session) this.#session = undefined;
        clearTimeout(audit);
        clearTimeout(late);
        this.#recorded = undefined;
        resolve(ended);
      });
      this.#session = session;
      let audit: NodeJS.Timeout | undefined;
      let late: NodeJS.Timeout | undefined;
      let said = 0;
      const tellLater = (revision: number): void => {
        said = Math.max(said, revision);
        late ??= setTimeout(() => {
          late = undefined;
          this.#told = Math.max(this.#told, revision);
          this.#settle();
          if (said > revision) tellLater(said);
        }, LATE_MS);
      };
      const auditLater = (): void => {
        const ms = Math.max(this.#periods.auditMs, AUDIT_SHARE * this.#listMs);
        audit = setTimeout(() => {
          this.#audit(session).then(
            () => session.ended || auditLater(),
            (thrown: unknown) => session.end({ error: asFailure(thrown), relist: false }),
          );
        }, ms);
      };
      session.watch = client.watch(
        { key: prefix, end: prefixEnd(prefix), startRevision: this.#revision + 1 },
        {
          created: (header) => {
            if (!this.#isOurs(header, session)) return;
            session.heard();
            if (this.#failure !== undefined && this.#store !== undefined) {
              this.#failure = undefined;
              this.#options.listener.recovered(this.#store);
            }
            auditLater();
          },
          events: (events) => {
            works();
            session.heard();
            if (!session.ended) this.#take(events);
          },
          progress: (header) => {
            session.heard();
            if (!this.#isOurs(header, session)) return;
            works();
            if (header.revision > this.#revision) tellLater(header.revision);
          },
          end: (error) => session.end({ error, relist: losesEvents(error) }),
        },
      );
      if (session.ended) session.watch.close();
    });
  }

  /** Whether an answer is of the cluster that the store is a state of; the session ends otherwise. */
  #isOurs({ clusterId, revision }: Header, session: Session): boolean {
    if (clusterId !== this.#clusterId) {
      session.end({ error: this.#otherCluster(clusterId), relist: true });
      return false;
    }
    // A member may lag behind. That the cluster does, since it was restored from a copy, only a linearisable answer can tell.
    if (revision < this.#revision) void this.#doubt(session);
    return true;
  }

  async #doubt(session: Session): Promise<void> {
    try {
      const { header } = await this.#options.client.range({ key: this.#options.prefix, countOnly: true });
      const before = this.#revision;
      if (header.revision >= before) return;
      const text = `follow etcd: its revision went back from ${before} to ${header.revision}`;
      session.end({ error: new EtcdError("cancelled", text), relist: true });
    } catch (thrown) {
      session.end({ error: asFailure(thrown), relist: false });
    }
  }

  #otherCluster(clusterId: string): EtcdError {
    return new EtcdError("cancelled", `follow etcd: it is cluster ${clusterId} now, and was ${this.#clusterId}`);
  }

  #take(events: readonly WatchEvent[]): void {
    const store = this.#store as S;
    // One by one: a call does not take as many arguments as one message may have events.
    if (this.#recorded !== undefined) for (const event of events) this.#recorded.push(event);
    const before = this.#revision;
    for (const event of events) {
      // What is not newer than the list is in it.
      if (event.kv.modRevision <= before) continue;
      put(store, event);
      this.#revision = Math.max(this.#revision, event.kv.modRevision);
    }
    this.#told = Math.max(this.#told, this.#revision);
    if (this.#revision > before) this.#options.listener.changed(store, this.#revision);
    this.#settle();
  }

  /** Lists beside the watch, and compares: what the watch kept silent about comes to light. */
  async #audit(session: Session): Promise<void> {
    const [before, recorded] = [this.#revision, [] as WatchEvent[]];
    this.#recorded = recorded;
    const list = await this.#list();
    if (session.ended) return;
    if (list.clusterId !== this.#clusterId)
      return session.end({ error: this.#otherCluster(list.clusterId), relist: true });
    if (list.revision < before) return this.#doubt(session);
    await Promise.race([this.reached(list.revision), session.closing]);
    if (session.ended) return;
    this.#recorded = undefined;
    let newest = list.revision;
    for (const event of recorded) {
      if (event.kv.modRevision <= list.revision) continue;
      put(list.store, event);
      newest = Math.max(newest, event.kv.modRevision);
    }
    if (this.#options.sameStore(this.#store as S, list.store)) return;
    this.#adopt({ ...list, revision: newest }, true);
  }

  #settle(): void {
    const told = Math.max(this.#told, this.#revision);
    const done = this.#waiting.filter(({ revision }) => revision <= told);
    if (done.length === 0) return;
    this.#waiting = this.#waiting.filter(({ revision }) => revision > told);
    for (const { resolve } of done) resolve();
  }
}

function put(store: KeyStore, { type, kv }: WatchEvent): void {
  if (type === "put") store.put(kv.key, kv.value, kv.modRevision);
  else store.delete(kv.key);
}

/** Whether a watch from the next revision could not tell what happened since. */
function losesEvents({ kind }: EtcdError): boolean {
  return kind === "compacted" || kind === "future-revision";
}

function asFailure(thrown: unknown): EtcdError {
  if (thrown instanceof EtcdError) return thrown;
  return new EtcdError("invalid", `follow etcd: ${causeText(thrown)}`, { cause: thrown });
}
