// All keys below a prefix, as they were at one revision.

import type { EtcdClient, KeyValue } from "../etcd/index.ts";
import { prefixEnd } from "../etcd/index.ts";

/**
 * Keys of one answer: some ten megabytes of VMs. etcd counts all that follow for each, so that small pages take much longer: of a
 * million keys, those of 50,000 take etcd 6 s of processor time, and these 3.5 s.
 */
const PAGE_KEYS = 100_000;
/** For one of those: a busy etcd, on a slow disk. */
const PAGE_MS = 30_000;

export interface Listed {
  readonly revision: number;
  readonly clusterId: string;
}

/**
 * Tells `take` of each key, in order. The first page is linearisable, and the others are of its revision, so that this is one state
 * however long it takes; one that ends early throws.
 * @throws EtcdError
 */
export async function listKeys(
  client: Pick<EtcdClient, "range">,
  prefix: Uint8Array,
  take: (kv: KeyValue) => void,
): Promise<Listed> {
  const end = prefixEnd(prefix);
  let from = prefix;
  let listed: Listed | undefined;
  for (;;) {
    const page = { key: from, end, limit: PAGE_KEYS, timeoutMs: PAGE_MS, ...(listed && { revision: listed.revision }) };
    const { header, kvs, more } = await client.range(page);
    listed ??= { revision: header.revision, clusterId: header.clusterId };
    for (const kv of kvs) take(kv);
    const last = kvs.at(-1);
    if (!more || last === undefined) return listed;
    from = following(last.key);
  }
}

/** The least key that is greater. */
function following(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}
