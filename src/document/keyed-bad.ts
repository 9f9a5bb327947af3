// Keys and VMs that cannot be read. They are remembered so that it can be told, and taken back when they are mended; of a
// million, which only a program gone wrong writes, the first hundred thousand.

import { createHash } from "node:crypto";
import type { IpAddress } from "../address/index.ts";

const REMEMBERED_MAX = 100_000;
/** Of a key, as it is told. */
const KEY_BYTES_MAX = 512;
const BACKSLASH = 92;

export interface BadVm {
  readonly tenant: string;
  readonly address: IpAddress;
  readonly problem: string;
  /** Whether a good value from before is kept. */
  readonly kept: boolean;
}

export class BadKeys {
  /** Keys that name no object, without the prefix, and why. */
  readonly strange = new Map<string, string>();
  /** By key without the prefix. */
  readonly vms = new Map<string, BadVm>();
  /** VMs without a good value. */
  #lost = 0;
  /** Puts of keys beyond those that are remembered; whether some of them are the same is not known. */
  uncounted = 0;

  /** Keys that are nowhere else. */
  get size(): number {
    return this.strange.size + this.#lost + this.uncounted;
  }

  get isEmpty(): boolean {
    return this.strange.size === 0 && this.vms.size === 0 && this.uncounted === 0;
  }

  addStrange(key: string, message: string): void {
    if (this.strange.has(key) || this.#hasRoom) this.strange.set(key, message);
    else this.uncounted++;
  }

  addVm(key: string, vm: BadVm): void {
    if (!this.vms.has(key) && !this.#hasRoom) {
      if (!vm.kept) this.uncounted++;
      return;
    }
    this.mendVm(key);
    this.vms.set(key, vm);
    if (!vm.kept) this.#lost++;
  }

  /** A VM that has a good value now. @returns whether it was a bad one */
  mendVm(key: string): boolean {
    const vm = this.vms.get(key);
    if (vm === undefined) return false;
    this.vms.delete(key);
    if (!vm.kept) this.#lost--;
    return true;
  }

  /** @param had whether the VM, which is deleted, had a value */
  forgetVm(key: string, had: boolean): void {
    if (!this.mendVm(key) && !had && this.uncounted > 0) this.uncounted--;
  }

  forgetStrange(key: string): void {
    if (!this.strange.delete(key) && this.uncounted > 0) this.uncounted--;
  }

  sameAs(other: BadKeys): boolean {
    if (this.uncounted !== other.uncounted || this.strange.size !== other.strange.size) return false;
    if (this.vms.size !== other.vms.size) return false;
    for (const [key, message] of this.strange) if (other.strange.get(key) !== message) return false;
    for (const [key, { problem, kept }] of this.vms) {
      const theirs = other.vms.get(key);
      if (theirs?.problem !== problem || theirs.kept !== kept) return false;
    }
    return true;
  }

  get #hasRoom(): boolean {
    return this.strange.size + this.vms.size < REMEMBERED_MAX;
  }
}

/** A key as text in printable ASCII, whatever its bytes are. Different keys have different texts. */
export function keyText(bytes: Uint8Array, from: number): string {
  let text = "";
  for (const byte of bytes.subarray(from, from + KEY_BYTES_MAX)) {
    text +=
      byte >= 32 && byte < 127 && byte !== BACKSLASH
        ? String.fromCharCode(byte)
        : `\\x${byte.toString(16).padStart(2, "0")}`;
  }
  const length = bytes.length - from;
  if (length <= KEY_BYTES_MAX) return text;
  const digest = createHash("sha256").update(bytes.subarray(from)).digest("hex").slice(0, 16);
  return `${text}… (${length} bytes, ${digest})`;
}
