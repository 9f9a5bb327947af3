// Objects under keys, and one key more: whoever deletes much on purpose puts it in the same transaction.

import { KeyedObjects } from "../document/index.ts";
import type { Model } from "../model/index.ts";
import type { KeyStore } from "./etcd-follow.ts";

/** Below the prefix. What is deleted at the revision at which it was put last is meant to go. */
export const MASS_DELETE_KEY = "allow-mass-delete";

export class EtcdObjects implements KeyStore {
  readonly objects: KeyedObjects;
  readonly #massDeleteKey: Buffer;
  /** Revision of the newest deletion that was meant. */
  meantAt = 0;

  constructor(prefix: string, known: Model | undefined) {
    this.objects = new KeyedObjects({ prefix, ...(known && { known }) });
    this.#massDeleteKey = Buffer.from(prefix + MASS_DELETE_KEY);
  }

  put(key: Uint8Array, value: Uint8Array, revision: number): void {
    if (this.#massDeleteKey.equals(key)) this.meantAt = revision;
    else this.objects.put(key, value);
  }

  delete(key: Uint8Array): void {
    if (!this.#massDeleteKey.equals(key)) this.objects.delete(key);
  }

  sameAs(other: EtcdObjects): boolean {
    return this.objects.sameAs(other.objects);
  }
}
