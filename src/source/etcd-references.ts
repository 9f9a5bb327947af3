// What objects in etcd refer to, as keys: a server is one of servers or of gateways wherever both may stand.

/** Keys, below the prefix, that the value of a key may refer to. */
export function references(key: string, value: string): readonly string[] {
  let object: Record<string, unknown>;
  try {
    object = JSON.parse(value) as Record<string, unknown>;
  } catch {
    return [];
  }
  if (typeof object !== "object" || object === null) return [];
  const names = (field: string): readonly string[] => {
    const named = object[field];
    return (Array.isArray(named) ? named : [named]).filter((name) => typeof name === "string");
  };
  const [, tenant, part] = key.split("/");
  const endpoints = [...names("via"), ...names("servers")].flatMap((name) => [`servers/${name}`, `gateways/${name}`]);
  return [
    ...names("profile").map((name) => `profiles/${name}`),
    ...[...names("standby"), ...names("server")].map((name) => `servers/${name}`),
    ...endpoints,
    ...(part === undefined ? [] : [`tenants/${tenant}`]),
    ...(part === "routes" ? names("circuit").map((name) => `tenants/${tenant}/circuits/${name}`) : []),
  ];
}
