// Bytes of packets: addresses, big-endian numbers, the Internet checksum. Shares nothing with src/ on purpose: what is tested
// must not check itself.

/** `02:00:00:00:00:05` as six bytes. */
export function macBytes(text: string): Uint8Array {
  const bytes = Uint8Array.from(text.split(":"), (part) => Number.parseInt(part, 16));
  if (bytes.length !== 6) throw new Error(`read MAC ${JSON.stringify(text)}: expected six parts`);
  return bytes;
}

export function macText(bytes: Uint8Array, at = 0): string {
  return Array.from(bytes.subarray(at, at + 6), (byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/** `10.2.0.1` as a number, most significant part first. */
export function addressNumber(text: string): number {
  const parts = text.split(".").map(Number);
  if (parts.length !== 4 || parts.some((part) => !(part >= 0 && part <= 255))) {
    throw new Error(`read address ${JSON.stringify(text)}: expected four numbers up to 255`);
  }
  return parts.reduce((value, part) => value * 256 + part, 0);
}

export function addressText(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join(".");
}

/** `2001:db8::1` as sixteen bytes. */
export function address6Bytes(text: string): Uint8Array {
  const [head = "", tail] = text.split("::");
  const words = (part: string | undefined) => (part ? part.split(":").map((word) => Number.parseInt(word, 16)) : []);
  const [first, last] = [words(head), words(tail)];
  const missing = 8 - first.length - last.length;
  if (tail === undefined ? missing !== 0 : missing < 0) {
    throw new Error(`read address ${JSON.stringify(text)}: expected eight words`);
  }
  const bytes = new Uint8Array(16);
  for (const [index, word] of [...first, ...new Array<number>(missing).fill(0), ...last].entries()) {
    if (!(word >= 0 && word <= 0xffff)) throw new Error(`read address ${JSON.stringify(text)}: a word is no number`);
    put16(bytes, 2 * index, word);
  }
  return bytes;
}

/** Four or sixteen bytes, by the family of the text. */
export function ipBytes(text: string): Uint8Array {
  if (text.includes(":")) return address6Bytes(text);
  const bytes = new Uint8Array(4);
  put32(bytes, 0, addressNumber(text));
  return bytes;
}

/** Words without leading zeros, the longest run of zero words left out (RFC 5952). */
export function address6Text(bytes: Uint8Array, at = 0): string {
  const words = Array.from({ length: 8 }, (_, index) => get16(bytes, at + 2 * index).toString(16));
  const runs = [...words.join(":").matchAll(/(?:\b0\b:?){2,}/g)].sort((a, b) => b[0].length - a[0].length);
  const text = words.join(":");
  const [run] = runs;
  if (run === undefined) return text;
  return `${text.slice(0, run.index).replace(/:$/, "")}::${text.slice(run.index + run[0].length)}`;
}

export function ipText(bytes: Uint8Array): string {
  return bytes.length === 4 ? addressText(get32(bytes, 0)) : address6Text(bytes);
}

export function get16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

export function get24(bytes: Uint8Array, at: number): number {
  return (get16(bytes, at) << 8) | (bytes[at + 2] as number);
}

export function get32(bytes: Uint8Array, at: number): number {
  return get16(bytes, at) * 65536 + get16(bytes, at + 2);
}

export function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

export function put24(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 16;
  put16(bytes, at + 1, value);
}

export function put32(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at, value >>> 16);
  put16(bytes, at + 2, value & 0xffff);
}

/** RFC 1071: the ones' complement sum of 16-bit words, an odd last byte padded with zero; not complemented. */
export function onesSum(bytes: Uint8Array, from = 0, to = bytes.length, start = 0): number {
  let sum = start;
  let at = from;
  for (; at + 1 < to; at += 2) sum += ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
  if (at < to) sum += (bytes[at] as number) << 8;
  while (sum > 0xffff) sum = (sum % 65536) + Math.floor(sum / 65536);
  return sum;
}

/** The checksum field of bytes in which that field is zero. */
export function checksum(bytes: Uint8Array, from = 0, to = bytes.length, start = 0): number {
  return ~onesSum(bytes, from, to, start) & 0xffff;
}

export function concatenate(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
