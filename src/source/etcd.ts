// etcd as a source: objects under keys, together with the edge's own part, which is a file.

import type { DocumentError, Notice } from "../document/index.ts";
import { loadEdgeDocument } from "../document/index.ts";
import { UnumError } from "../errors.ts";
import type { EtcdClient, EtcdError } from "../etcd/index.ts";
import type { Edge, Model, VmPut } from "../model/index.ts";
import type { EtcdAddress } from "./address.ts";
import { sourceName } from "./address.ts";
import type { Periods } from "./etcd-follow.ts";
import { Follower } from "./etcd-follow.ts";
import { EtcdObjects } from "./etcd-objects.ts";
import { documentRevision } from "./file.ts";
import { readingOf } from "./reading.ts";
import type { DesiredState, KeptOut, Reading, Source } from "./source.ts";
import type { WatchOptions } from "./watched-file.ts";
import { WatchedFile } from "./watched-file.ts";

export interface EtcdSourceOptions {
  readonly address: EtcdAddress;
  /** Closed with the source. */
  readonly client: Pick<EtcdClient, "range" | "watch" | "close">;
  /** The document with the edge's own part, absolute. */
  readonly edgePath: string;
  /** What the maps show: the last good values of objects that are bad when this begins. */
  readonly known?: () => Model | undefined;
  readonly periods?: Partial<Periods>;
  readonly watch?: WatchOptions;
}

/** Objects that are listed of those that are kept out. */
const KEPT_OUT_LISTED = 20;
/** Between two whole states so many times as long as making one takes: changes of many objects, one by one, are taken together. */
const WHOLE_SHARE = 4;
const WHOLE_MS_MIN = 5;

type EdgeReading = { readonly edge: Edge; readonly revision: string; readonly notices: readonly Notice[] } | UnumError;

/** `REVISION-EDGE`: that of etcd, and that of the edge's document; a revision that is waited for may lack either. */
interface Label {
  readonly revision: number | undefined;
  readonly edge: string | undefined;
}

function parseLabel(text: string): Label {
  const [, revision, edge] = /^(\d+)?(?:-([0-9a-f]+))?$/.exec(text) ?? [];
  return { revision: revision === undefined ? undefined : Number(revision), edge };
}

export class EtcdSource implements Source {
  readonly name: string;
  readonly #options: EtcdSourceOptions;
  readonly #follower: Follower<EtcdObjects>;
  readonly #edgeFile: WatchedFile<EdgeReading>;
  #listener: (reading: Reading) => void = () => {};
  #edge: Exclude<EdgeReading, UnumError> | undefined;
  /** Why the edge's document is not followed further. */
  #edgeError: UnumError | undefined;
  #store: EtcdObjects | undefined;
  #revision = 0;
  /** Of the state that was told last. */
  #label: string | undefined;
  #notices: readonly Notice[] = [];
  /** Something was deleted on purpose that no state tells of yet. */
  #meant = false;
  #reading: Reading | undefined;
  #lastGood: Model | undefined;
  #wholeTimer: NodeJS.Timeout | undefined;
  #wholeAt = Number.NEGATIVE_INFINITY;
  #wholeMs = 0;

  constructor(options: EtcdSourceOptions) {
    const { address, client, edgePath, periods, watch } = options;
    this.name = sourceName(address);
    this.#options = options;
    this.#edgeFile = new WatchedFile(edgePath, () => ({ value: lookAtEdge(edgePath), files: [edgePath] }), watch);
    this.#follower = new Follower<EtcdObjects>({
      client,
      prefix: new TextEncoder().encode(address.prefix),
      makeStore: () => new EtcdObjects(address.prefix, this.#good()),
      sameStore: (a, b) => a.sameAs(b),
      ...(periods && { periods }),
      listener: {
        listed: (store, revision) => {
          this.#take(store, revision);
          this.#tellWhole();
        },
        changed: (store, revision) => {
          this.#take(store, revision);
          this.#tellStep(store);
        },
        failed: (error: EtcdError) => this.#tell({ ok: false, error }),
        recovered: () => this.#tellAgain(),
      },
    });
  }

  start(listener: (reading: Reading) => void): void {
    this.#listener = listener;
    this.#edgeFile.start((reading) => this.#takeEdge(reading));
    this.#follower.start();
  }

  async refresh(expected?: string): Promise<Reading> {
    if (expected === undefined) {
      await this.#edgeFile.refresh();
      this.#follower.relist();
      return this.#next();
    }
    const { revision, edge } = parseLabel(expected);
    if (edge !== undefined)
      await this.#edgeFile.refresh((read) => !(read instanceof UnumError) && read.revision === edge);
    if (revision !== undefined) await this.#follower.reached(revision);
    this.#flush();
    return this.#reading ?? this.#next();
  }

  includes(revision: string, expected: string): boolean {
    const [has, wants] = [parseLabel(revision), parseLabel(expected)];
    return (
      (wants.revision === undefined || Number(has.revision) >= wants.revision) && (wants.edge ?? has.edge) === has.edge
    );
  }

  close(): void {
    clearTimeout(this.#wholeTimer);
    this.#edgeFile.close();
    this.#follower.close();
    this.#options.client.close();
    this.#told = [];
  }

  #takeEdge(reading: EdgeReading): void {
    if (reading instanceof UnumError) {
      if (this.#edgeError?.message === reading.message) return;
      this.#edgeError = reading;
      // With the edge as it was, what is in etcd goes on being followed.
      if (this.#edge === undefined) this.#tell({ ok: false, error: reading });
      else this.#tellWhole();
      return;
    }
    const same = this.#edge?.revision === reading.revision && this.#edgeError === undefined;
    this.#edge = reading;
    this.#edgeError = undefined;
    if (!same) this.#tellWhole();
  }

  #take(store: EtcdObjects, revision: number): void {
    // What was deleted before this process began may have been meant by then; it is asked for again.
    if (this.#store !== undefined && store.meantAt > this.#revision) this.#meant = true;
    [this.#store, this.#revision] = [store, revision];
  }

  /** What an object that is bad in a new list was before: as the newest events have it, not as it was when a whole state was told. */
  #good(): Model | undefined {
    const [store, edge] = [this.#store, this.#edge];
    if (store === undefined) this.#lastGood ??= this.#options.known?.();
    else if (edge !== undefined) {
      try {
        this.#lastGood = store.objects.build(edge.edge).model;
      } catch (thrown) {
        // The edge has no room for it, which is told with the next whole state.
        if (!(thrown instanceof UnumError)) throw thrown;
      }
    }
    return this.#lastGood;
  }

  get #revisionText(): string {
    return `${this.#revision}-${this.#edge?.revision}`;
  }

  #keptOut(store: EtcdObjects): KeptOut {
    const lines = store.objects.keptOut.slice(0, KEPT_OUT_LISTED).map(({ key, message }) => `${key}: ${message}`);
    if (this.#edgeError === undefined) return { count: store.objects.keptOutCount, first: lines };
    return { count: store.objects.keptOutCount + 1, first: [this.#edgeError.message, ...lines] };
  }

  /** Events that came: a difference, where they are about VMs alone. */
  #tellStep(store: EtcdObjects): void {
    // They are part of the whole that comes.
    if (this.#wholeTimer !== undefined) return;
    const step = store.objects.step();
    const base = this.#label;
    if (step.kind === "whole" || base === undefined || this.#edge === undefined) {
      this.#wholeSoon();
      return;
    }
    this.#tellSince(store, base, step.kind === "nothing" ? [] : step.changes);
  }

  #tellSince(store: EtcdObjects, base: string, changes: readonly VmPut[]): void {
    const { edge } = this.#edge as Exclude<EdgeReading, UnumError>;
    let model: Model | undefined;
    this.#tellState({
      revision: this.#revisionText,
      // As it is when it is asked for: with events in it that came later, and are told in their turn.
      get model() {
        model ??= store.objects.build(edge).model;
        return model;
      },
      notices: this.#notices,
      keptOut: this.#keptOut(store),
      since: { base, changes },
    });
  }

  /** The same state again, after there was something wrong. */
  #tellAgain(): void {
    if (this.#wholeTimer !== undefined || this.#store === undefined) return;
    if (this.#label === undefined || this.#edge === undefined) this.#tellWhole();
    else this.#tellSince(this.#store, this.#label, []);
  }

  #wholeSoon(): void {
    if (this.#wholeTimer !== undefined) return;
    const ms = Math.max(WHOLE_MS_MIN, this.#wholeAt + WHOLE_SHARE * this.#wholeMs - performance.now());
    this.#wholeTimer = setTimeout(() => this.#tellWhole(), ms);
  }

  /** Tells now what would be told soon. */
  #flush(): void {
    if (this.#wholeTimer !== undefined) this.#tellWhole();
  }

  #tellWhole(): void {
    clearTimeout(this.#wholeTimer);
    this.#wholeTimer = undefined;
    const [store, edge] = [this.#store, this.#edge];
    if (store === undefined || edge === undefined) return;
    const started = performance.now();
    const reading = readingOf(`read ${this.name}`, () => {
      const { model, notices } = store.objects.build(edge.edge);
      this.#lastGood = model;
      this.#notices = [...edge.notices, ...notices];
      return { revision: this.#revisionText, model, notices: this.#notices, keptOut: this.#keptOut(store) };
    });
    this.#wholeAt = performance.now();
    this.#wholeMs = this.#wholeAt - started;
    if (reading.ok) this.#tellState(reading.state);
    else this.#tell(reading);
  }

  #tellState(state: DesiredState): void {
    this.#label = state.revision;
    // Not copied: its model may be made when it is asked for.
    if (this.#meant) Object.defineProperty(state, "meant", { value: true });
    this.#meant = false;
    this.#tell({ ok: true, state });
  }

  #told: ((reading: Reading) => void)[] = [];

  #next(): Promise<Reading> {
    return new Promise((resolve) => this.#told.push(resolve));
  }

  #tell(reading: Reading): void {
    this.#reading = reading;
    this.#listener(reading);
    const told = this.#told;
    this.#told = [];
    for (const resolve of told) resolve(reading);
  }
}

/** The part of a revision that stands for the edge's document. */
export function edgeRevision(text: string): string {
  return documentRevision({ text, inventory: undefined }).slice(0, 8);
}

function lookAtEdge(path: string): EdgeReading {
  try {
    const { edge, notices, text } = loadEdgeDocument(path);
    return { edge, notices, revision: edgeRevision(text) };
  } catch (thrown) {
    return thrown as DocumentError;
  }
}
