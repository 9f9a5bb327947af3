// What the maps hold, as data: one field per map, keyed as the map is. Two of these compare byte for byte.

/** A tunnel or circuit: the word that packets read first, and the live record it names. */
export interface WordAndRecord {
  /** The word without its slot number, as bytes of its struct with that field zero. */
  readonly word: Uint8Array;
  readonly record: Uint8Array;
}

/** A bucket table: key word → value word, both as they lie in memory, read as little-endian numbers. */
export type Words = ReadonlyMap<bigint, bigint>;

export interface Rows {
  readonly edge: Uint8Array;
  readonly profiles: ReadonlyMap<number, Uint8Array>;
  readonly profileDetails: ReadonlyMap<number, Uint8Array>;
  readonly tenants: ReadonlyMap<number, Uint8Array>;
  readonly endpoints: ReadonlyMap<number, WordAndRecord>;
  readonly circuits: ReadonlyMap<number, WordAndRecord>;
  readonly groups: ReadonlyMap<number, Uint8Array>;
  /** Key bytes in hexadecimal → value bytes. */
  readonly routes: ReadonlyMap<string, Uint8Array>;
  readonly attachments: Words;
  readonly services: Words;
  readonly sources: Words;
  readonly members: Words;
  readonly egress: ReadonlySet<number>;
  /** Key bytes in hexadecimal → name. */
  readonly names: ReadonlyMap<string, string>;
}

export interface Difference<K, V> {
  readonly puts: readonly (readonly [K, V])[];
  readonly deletes: readonly K[];
}

export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

export function wordAndRecordEqual(a: WordAndRecord, b: WordAndRecord): boolean {
  return bytesEqual(a.word, b.word) && bytesEqual(a.record, b.record);
}

/** What makes `observed` equal to `desired`: entries to put, in desired order, and keys to delete. */
export function difference<K, V>(
  desired: ReadonlyMap<K, V>,
  observed: ReadonlyMap<K, V>,
  equal: (a: V, b: V) => boolean = Object.is,
): Difference<K, V> {
  const puts: [K, V][] = [];
  for (const [key, value] of desired) {
    const old = observed.get(key);
    if (old === undefined || !equal(value, old)) puts.push([key, value]);
  }
  const deletes: K[] = [];
  for (const key of observed.keys()) if (!desired.has(key)) deletes.push(key);
  return { puts, deletes };
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

export function fromHex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, "hex"));
}

/** The two words of a slot. */
export function slotWords(slot: Uint8Array, offset = 0): [key: bigint, value: bigint] {
  const view = new DataView(slot.buffer, slot.byteOffset, slot.byteLength);
  return [view.getBigUint64(offset, true), view.getBigUint64(offset + 8, true)];
}

/** Slots in a row, 16 bytes each: the form in which bucket tables take and give them. */
export function packWords(words: Iterable<readonly [bigint, bigint]>, count: number): Uint8Array {
  const packed = new Uint8Array(16 * count);
  const view = new DataView(packed.buffer);
  let at = 0;
  for (const [key, value] of words) {
    view.setBigUint64(at, key, true);
    view.setBigUint64(at + 8, value, true);
    at += 16;
  }
  return packed;
}

export function unpackWords(packed: Uint8Array): Map<bigint, bigint> {
  const words = new Map<bigint, bigint>();
  for (let at = 0; at < packed.length; at += 16) words.set(...slotWords(packed, at));
  return words;
}

export function packKeys(keys: readonly bigint[]): Uint8Array {
  const packed = new Uint8Array(8 * keys.length);
  const view = new DataView(packed.buffer);
  for (const [index, key] of keys.entries()) view.setBigUint64(8 * index, key, true);
  return packed;
}

/** Rows without anything: what an edge holds before its first apply. */
export function emptyRows(edgeBytes: number): Rows {
  return {
    edge: new Uint8Array(edgeBytes),
    profiles: new Map(),
    profileDetails: new Map(),
    tenants: new Map(),
    endpoints: new Map(),
    circuits: new Map(),
    groups: new Map(),
    routes: new Map(),
    attachments: new Map(),
    services: new Map(),
    sources: new Map(),
    members: new Map(),
    egress: new Set(),
    names: new Map(),
  };
}
