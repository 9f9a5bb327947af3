// What documents of later releases may say. It is refused by name, so that nobody looks for a slip of the pen.

/** Keys by the kind of object they are in. */
const LATER_KEYS: Readonly<Record<string, ReadonlySet<string>>> = {
  document: new Set(["encryption"]),
  edge: new Set(["encryption"]),
  profile: new Set(["encryption"]),
  server: new Set(["encryption"]),
  gateway: new Set(["encryption"]),
  tenant: new Set(["encryption"]),
};

export function isLater(kind: string, key: string): boolean {
  return LATER_KEYS[kind]?.has(key) === true;
}

/** `vmInventory is not supported by this version` */
export function laterText(what: string): string {
  return `${what} is not supported by this version`;
}
