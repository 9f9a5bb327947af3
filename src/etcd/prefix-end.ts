/**
 * First key after all keys that begin with `prefix`. An empty prefix, or one of bytes 255 alone, has none: then it is
 * one zero byte, which etcd reads as "to the last key".
 */
export function prefixEnd(prefix: Uint8Array): Uint8Array {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length--;
  if (length === 0) return Uint8Array.of(0);
  // Not slice: that of a Buffer would be the same memory.
  const end = new Uint8Array(prefix.subarray(0, length));
  end[length - 1] = (end[length - 1] as number) + 1;
  return end;
}
