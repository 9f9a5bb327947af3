// What documents of later releases may say. It is refused by name, so that nobody looks for a slip of the pen.

/** Keys by the kind of object they are in. */
const LATER_KEYS: Readonly<Record<string, ReadonlySet<string>>> = {
  document: new Set(["vmInventory", "encryption", "policy"]),
  edge: new Set(["address6", "encryption", "policy"]),
  profile: new Set(["mssClamp", "rateLimit", "udpChecksum", "encryption", "policy"]),
  server: new Set(["address6", "encryption", "policy"]),
  gateway: new Set(["address6", "encryption", "policy"]),
  tenant: new Set(["vmInventory", "encryption", "policy"]),
  circuit: new Set(["vlan", "innerVlan", "address6", "peer6"]),
  route: new Set(["policy"]),
  vm: new Set(["address6", "policy"]),
};

export const LATER_ENCAPSULATIONS: ReadonlySet<string> = new Set(["geneve", "nvgre"]);

export function isLater(kind: string, key: string): boolean {
  return LATER_KEYS[kind]?.has(key) === true;
}

/** `geneve is not supported by this version` */
export function laterText(what: string): string {
  return `${what} is not supported by this version`;
}
