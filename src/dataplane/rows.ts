// What the maps hold, as data: one field per map, keyed as the map is. Two of these compare byte for byte.

/** An object of a word that packets read first, and the live record it names. */
export interface WordAndRecord {
  /** The word without its slot number, as bytes of its struct with that field zero. */
  readonly word: Uint8Array;
  readonly record: Uint8Array;
}

/** A bucket table or LPM trie: key bytes in hexadecimal → value bytes. */
export type Entries = ReadonlyMap<string, Uint8Array>;
/** Elements of an array by index. */
export type Elements = ReadonlyMap<number, Uint8Array>;

export interface Rows {
  readonly edge: Uint8Array;
  readonly profiles: Elements;
  readonly profileLimits: Elements;
  readonly profileDetails: Elements;
  readonly tenants: ReadonlyMap<number, WordAndRecord>;
  readonly tenantLimits: Elements;
  readonly tenantDetails: Elements;
  readonly endpoints: ReadonlyMap<number, WordAndRecord>;
  readonly circuits: ReadonlyMap<number, WordAndRecord>;
  readonly groups: Elements;
  readonly routes4: Entries;
  readonly routes6: Entries;
  readonly attachments: Entries;
  readonly services4: Entries;
  readonly services6: Entries;
  readonly sources4: Entries;
  readonly sources6: Entries;
  readonly members: Entries;
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
