// A VNI as rows hold it: three bytes in network order.

export function vniBytes(vni: number): Uint8Array {
  return Uint8Array.of(vni >>> 16, (vni >>> 8) & 255, vni & 255);
}

export function vniNumber(bytes: Uint8Array, at = 0): number {
  return ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
}
