// Numbers as they lie in the memory of this machine, which is how the kernel hands out values. Beyond the end there are zeros.

const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

export function readU8(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}

export function readU16(bytes: Uint8Array, at: number): number {
  const [a, b] = [readU8(bytes, at), readU8(bytes, at + 1)];
  return LITTLE_ENDIAN ? a | (b << 8) : (a << 8) | b;
}

export function readU32(bytes: Uint8Array, at: number): number {
  const [a, b] = [readU16(bytes, at), readU16(bytes, at + 2)];
  return (LITTLE_ENDIAN ? a | (b << 16) : (a << 16) | b) >>> 0;
}

/** A number where that is exact, which is quicker. */
export function readU64(bytes: Uint8Array, at: number): number | bigint {
  const [a, b] = [readU32(bytes, at), readU32(bytes, at + 4)];
  const [low, high] = LITTLE_ENDIAN ? [a, b] : [b, a];
  return high < 0x200000 ? high * 0x100000000 + low : (BigInt(high) << 32n) | BigInt(low);
}

export function readS64(bytes: Uint8Array, at: number): number | bigint {
  const value = readU64(bytes, at);
  if (typeof value === "number") return value;
  const signed = BigInt.asIntN(64, value);
  return signed < 0n && signed >= BigInt(Number.MIN_SAFE_INTEGER) ? Number(signed) : signed;
}

/** A whole number of any width. */
export function readWide(bytes: Uint8Array, at: number, size: number): bigint {
  let value = 0n;
  for (let i = 0; i < size; i++) {
    const place = LITTLE_ENDIAN ? size - 1 - i : i;
    value = (value << 8n) | BigInt(readU8(bytes, at + place));
  }
  return value;
}

/** `bits` bits from bit `offset` of the bytes at `at` on, counted as the compiler lays out bitfields. */
export function readBits(bytes: Uint8Array, at: number, offset: number, bits: number): bigint {
  const size = Math.ceil((offset + bits) / 8);
  const above = LITTLE_ENDIAN ? offset : 8 * size - offset - bits;
  return BigInt.asUintN(bits, readWide(bytes, at, size) >> BigInt(above));
}
