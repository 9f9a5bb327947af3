// Lines of an inventory as nearly everybody writes them, from bytes to a record without a text or an object in between:
//
//   {"tenant":"acme","address":"172.16.0.5","server":"s1","mac":"02:00:00:00:00:05"}
//
// with keys in any order, spaces where JSON may have them, and canonical addresses. It takes or leaves a whole line; of
// what it leaves, others find out whether it is right in another way, or wrong.

import { VM_POLICIES } from "../model/index.ts";

const [TAB, NEWLINE, SPACE, RETURN, QUOTE, COMMA, DOT, COLON, BACKSLASH] = [9, 10, 32, 13, 34, 44, 46, 58, 92];
const [OPEN, CLOSE] = [123, 125];

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));
const KEYS = ["tenant", "address", "server", "mac", "policy"].map(ascii) as readonly Uint8Array[];
const [TENANT, ADDRESS, SERVER, MAC] = [0, 1, 2, 3];
const REQUIRED = (1 << ADDRESS) | (1 << SERVER) | (1 << MAC);
/** What the key of an object says already, and its value must not. */
const KEYED = (1 << TENANT) | (1 << ADDRESS);
const POLICY_BYTES = VM_POLICIES.map((policy) => ascii(policy ?? ""));

function sameBytes(bytes: Uint8Array, from: number, to: number, text: Uint8Array): boolean {
  if (to - from !== text.length) return false;
  for (let n = 0; n < text.length; n++) if (bytes[from + n] !== text[n]) return false;
  return true;
}

/** Names by their bytes. */
export class ByteNames {
  readonly #names: Uint8Array[];
  #places: Int32Array;

  /** @param names of ASCII characters */
  constructor(names: Iterable<string>) {
    this.#names = [...names].map(ascii);
    this.#places = new Int32Array(2 ** Math.ceil(Math.log2(2 * this.#names.length + 2)));
    for (const number of this.#names.keys()) this.#enter(number);
  }

  /** Adds a name that it does not have. @returns its number */
  add(name: string): number {
    this.#names.push(ascii(name));
    if (2 * this.#names.length > this.#places.length) {
      this.#places = new Int32Array(this.#places.length * 2);
      for (const number of this.#names.keys()) this.#enter(number);
    } else this.#enter(this.#names.length - 1);
    return this.#names.length - 1;
  }

  #enter(number: number): void {
    const name = this.#names[number] as Uint8Array;
    let place = this.#hash(name, 0, name.length);
    while (this.#places[place] !== 0) place = (place + 1) & (this.#places.length - 1);
    this.#places[place] = number + 1;
  }

  #hash(bytes: Uint8Array, from: number, to: number): number {
    let hash = 0x811c9dc5; // FNV-1a, 32 bits
    for (let at = from; at < to; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
    return (hash ^ (hash >>> 15)) & (this.#places.length - 1);
  }

  /** Which of the names it is, from 0; -1: none of them. */
  find(bytes: Uint8Array, from: number, to: number): number {
    for (let place = this.#hash(bytes, from, to); ; place = (place + 1) & (this.#places.length - 1)) {
      const number = (this.#places[place] as number) - 1;
      if (number < 0 || sameBytes(bytes, from, to, this.#names[number] as Uint8Array)) return number;
    }
  }
}

/** The last line that parse() took. */
export class LineParser {
  /** Address, MAC and policy as records of VMs have them (src/model/vm-records.ts); no server. */
  readonly record = new Uint32Array(7);
  addressWords: 1 | 4 = 1;
  /** Where the names lie; an absent tenant has no length. */
  tenantFrom = 0;
  tenantTo = 0;
  serverFrom = 0;
  serverTo = 0;
  readonly #groups = new Uint16Array(8);
  #policy = 0;
  #macFrom = 0;
  #macTo = 0;

  /** @returns whether the line is one of those that this takes */
  parse(bytes: Uint8Array, from: number, to: number): boolean {
    const seen = this.#fields(bytes, from, to, 0);
    return (seen & REQUIRED) === REQUIRED && this.#mac(bytes);
  }

  /**
   * Takes the value of an object whose key has the address.
   * @param key with the address from `keyFrom` to its end
   */
  parseKeyed(key: Uint8Array, keyFrom: number, value: Uint8Array): boolean {
    if (!this.#address(key, keyFrom, key.length)) return false;
    const seen = this.#fields(value, 0, value.length, KEYED);
    return ((seen | KEYED) & REQUIRED) === REQUIRED && this.#mac(value);
  }

  /** Takes an address in its canonical form alone. */
  parseAddress(bytes: Uint8Array, from: number): boolean {
    return this.#address(bytes, from, bytes.length);
  }

  /** Fields of an object as bits, without those that are refused; 0 when it is not one of those that this takes. */
  #fields(bytes: Uint8Array, from: number, to: number, refused: number): number {
    let at = skip(bytes, from, to);
    if (bytes[at++] !== OPEN) return 0;
    let seen = 0;
    this.#policy = 0;
    this.tenantFrom = 0;
    this.tenantTo = 0;
    for (;;) {
      at = skip(bytes, at, to);
      if (bytes[at] !== QUOTE) return 0;
      const keyEnd = textEnd(bytes, ++at, to);
      const key = keyAt(bytes, at, keyEnd);
      if (key < 0 || ((seen | refused) & (1 << key)) !== 0) return 0;
      seen |= 1 << key;
      at = skip(bytes, keyEnd + 1, to);
      if (bytes[at++] !== COLON) return 0;
      at = skip(bytes, at, to);
      if (bytes[at] !== QUOTE) return 0;
      const end = textEnd(bytes, ++at, to);
      if (end < 0) return 0;
      if (key === TENANT) [this.tenantFrom, this.tenantTo] = [at, end];
      else if (key === SERVER) [this.serverFrom, this.serverTo] = [at, end];
      else if (key === MAC) [this.#macFrom, this.#macTo] = [at, end];
      else if (key === ADDRESS ? !this.#address(bytes, at, end) : !this.#readPolicy(bytes, at, end)) return 0;
      at = skip(bytes, end + 1, to);
      const next = bytes[at++];
      if (next === CLOSE) break;
      if (next !== COMMA) return 0;
    }
    return skip(bytes, at, to) === to ? seen : 0;
  }

  #readPolicy(bytes: Uint8Array, from: number, to: number): boolean {
    this.#policy = POLICY_BYTES.findIndex((policy) => policy.length > 0 && sameBytes(bytes, from, to, policy));
    return this.#policy > 0;
  }

  /** Behind the address, whose length it must know. */
  #mac(bytes: Uint8Array): boolean {
    if (this.#macTo - this.#macFrom !== 17) return false;
    let [high, low] = [0, 0];
    for (let n = 0, at = this.#macFrom; n < 6; n++, at += 3) {
      const [first, second] = [hexDigit(bytes[at] as number), hexDigit(bytes[at + 1] as number)];
      if (first < 0 || second < 0 || (n < 5 && bytes[at + 2] !== COLON)) return false;
      const byte = (first << 4) | second;
      if (n < 4) high = (high << 8) | byte;
      else low = (low << 8) | byte;
    }
    this.record[this.addressWords] = high;
    this.record[this.addressWords + 1] = (low << 16) | this.#policy;
    return true;
  }

  #address(bytes: Uint8Array, from: number, to: number): boolean {
    for (let at = from; at < to && at < from + 5; at++) if (bytes[at] === COLON) return this.#address6(bytes, from, to);
    return this.#address4(bytes, from, to);
  }

  #address4(bytes: Uint8Array, from: number, to: number): boolean {
    let [address, octet, digits, dots] = [0, 0, 0, 0];
    for (let at = from; at < to; at++) {
      const code = bytes[at] as number;
      if (code === DOT) {
        if (digits === 0 || ++dots > 3) return false;
        address = (address << 8) | octet;
        octet = 0;
        digits = 0;
        continue;
      }
      const digit = code - 48;
      if (digit < 0 || digit > 9 || (digits > 0 && octet === 0)) return false;
      octet = octet * 10 + digit;
      if (octet > 255) return false;
      digits++;
    }
    if (dots !== 3 || digits === 0) return false;
    this.record[0] = (address << 8) | octet;
    this.addressWords = 1;
    return true;
  }

  /** In the canonical form of RFC 5952 and no other. */
  #address6(bytes: Uint8Array, from: number, to: number): boolean {
    const groups = this.#groups;
    let [at, count, gap] = [from, 0, -1];
    if (bytes[at] === COLON) {
      if (bytes[at + 1] !== COLON) return false;
      gap = 0;
      at += 2;
    }
    while (at < to) {
      let [value, digits] = [0, 0];
      for (; at < to && bytes[at] !== COLON; at++, digits++) {
        const digit = lowerHexDigit(bytes[at] as number);
        if (digit < 0 || digits === 4 || (digits > 0 && value === 0)) return false;
        value = (value << 4) | digit;
      }
      if (digits === 0 || count === 8) return false;
      groups[count++] = value;
      if (at === to) break;
      if (++at === to) return false;
      if (bytes[at] !== COLON) continue;
      if (gap >= 0) return false;
      gap = count;
      at++;
    }
    if (gap < 0 ? count !== 8 : count > 6) return false;
    if (gap >= 0) {
      groups.copyWithin(8 - (count - gap), gap, count);
      groups.fill(0, gap, 8 - (count - gap));
    }
    if (!isLongestRun(groups, gap, 8 - count)) return false;
    for (let word = 0; word < 4; word++) {
      this.record[word] = ((groups[2 * word] as number) << 16) | (groups[2 * word + 1] as number);
    }
    this.addressWords = 4;
    // Those that mean something else than a host, such as IPv4 in IPv6, have a beginning of zeros.
    return this.record[0] !== 0 || this.record[1] !== 0;
  }
}

/** Whether "::" stands where RFC 5952 section 4.2 wants it, or nowhere if it wants none. */
function isLongestRun(groups: Uint16Array, gap: number, length: number): boolean {
  let [start, longest] = [-1, 1];
  for (let n = 0; n < 8; ) {
    let end = n;
    while (end < 8 && groups[end] === 0) end++;
    if (end - n > longest) [start, longest] = [n, end - n];
    n = end + 1;
  }
  return start === gap && (gap < 0 || longest === length);
}

function skip(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && isSpace(bytes[at] as number)) at++;
  return at;
}

function isSpace(code: number): boolean {
  return code === SPACE || code === TAB || code === RETURN || code === NEWLINE;
}

/** Where a text of printable ASCII without escapes ends; -1: it is another. */
function textEnd(bytes: Uint8Array, from: number, to: number): number {
  for (let at = from; at < to; at++) {
    const code = bytes[at] as number;
    if (code === QUOTE) return at;
    if (code < SPACE || code > 126 || code === BACKSLASH) return -1;
  }
  return -1;
}

function keyAt(bytes: Uint8Array, from: number, to: number): number {
  for (let key = 0; key < KEYS.length; key++) if (sameBytes(bytes, from, to, KEYS[key] as Uint8Array)) return key;
  return -1;
}

function lowerHexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  return code >= 97 && code <= 102 ? code - 87 : -1;
}

function hexDigit(code: number): number {
  return lowerHexDigit(code >= 65 && code <= 70 ? code + 32 : code);
}
