// What etcd has when somebody is about to change it, and what every change is made of.

import type { EtcdClient, KeyValue, Op } from "../etcd/index.ts";
import { listKeys } from "./etcd-list.ts";
import { MASS_DELETE_KEY } from "./etcd-objects.ts";

/** Operations of one transaction, and conditions, unless the operator of etcd allows more. */
export const TXN_OPERATIONS_MAX = 128;

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (data: Uint8Array): string => new TextDecoder().decode(data);

/** By whole key, as far as a change depends on it. */
export interface Present {
  readonly revision: number;
  readonly keys: ReadonlyMap<string, KeyValue>;
}

/** Every object below a prefix. @throws EtcdError */
export async function readPresent(client: EtcdClient, prefix: string): Promise<Present> {
  const keys = new Map<string, KeyValue>();
  const { revision } = await listKeys(client, bytes(prefix), (kv) => keys.set(text(kv.key), kv));
  keys.delete(prefix + MASS_DELETE_KEY);
  return { revision, keys };
}

/** Whoever deletes on purpose says so in the same transaction, to every edge. */
export function meantOp(prefix: string): Op {
  const value = bytes("the deletions of this key's revision are meant");
  return { kind: "put", key: bytes(prefix + MASS_DELETE_KEY), value };
}
