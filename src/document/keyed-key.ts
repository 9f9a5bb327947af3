// Keys of objects below a prefix such as /unum/v1/, and the paths that edits and problems have for the same objects:
//
//   profiles/NAME  servers/NAME  gateways/NAME  tenants/NAME  tenants/NAME/circuits/NAME
//   tenants/NAME/routes/PREFIX, with _ for its /  tenants/NAME/vms/ADDRESS

import { quote } from "../address/index.ts";
import { isName, NAME_FORM, suggestion } from "../model/index.ts";
import * as shapes from "./shapes.ts";

export type Section = "profiles" | "servers" | "gateways" | "tenants";
export type TenantSection = "circuits" | "routes" | "vms";

/** Path of an object that has a key: `["servers", "s1"]`, `["tenants", "acme", "routes", "10.0.0.0/8"]`. */
export type ObjectPath =
  | readonly [section: Section, name: string]
  | readonly [section: "tenants", name: string, of: TenantSection, name: string];

const SECTIONS: readonly string[] = ["profiles", "servers", "gateways", "tenants"] satisfies Section[];
const TENANT_SECTIONS: readonly string[] = ["circuits", "routes", "vms"] satisfies TenantSection[];
/** Of documents alone. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  version: "the version is part of the prefix, expected no key",
  edge: "an edge is described in a file of its own, expected no key",
  vmInventory: "VMs have keys of their own, expected tenants/NAME/vms/ADDRESS",
};

/** An object, or why a key names none. */
export type ParsedKey =
  | { readonly path: ObjectPath; readonly fault?: undefined }
  | { readonly path?: undefined; readonly fault: string };

/** @param key without the prefix */
export function parseKey(key: string): ParsedKey {
  const [section = "", name, of, ...rest] = key.split("/");
  if (!SECTIONS.includes(section)) {
    const elsewhere = Object.hasOwn(ELSEWHERE, section) ? ELSEWHERE[section] : undefined;
    const hint = suggestion(section, SECTIONS) || ", expected profiles, servers, gateways or tenants";
    return { fault: elsewhere ?? `${quote(section)} is no section${hint}` };
  }
  if (name === undefined || !isName(name)) return { fault: notName(name ?? "") };
  if (of === undefined) return { path: [section as Section, name] };
  if (section !== "tenants") return { fault: `it has more parts than ${section}/NAME` };
  if (!TENANT_SECTIONS.includes(of)) {
    const hint = suggestion(of, TENANT_SECTIONS) || ", expected circuits, routes or vms";
    return { fault: `${quote(of)} is no section of a tenant${hint}` };
  }
  const found = innerName(of as TenantSection, rest);
  return found.name === undefined
    ? { fault: found.fault }
    : { path: ["tenants", name, of as TenantSection, found.name] };
}

type InnerName =
  | { readonly name: string; readonly fault?: undefined }
  | { readonly name?: undefined; readonly fault: string };

function innerName(section: TenantSection, [text = "", ...more]: readonly string[]): InnerName {
  if (section === "routes") return routePrefix([text, ...more].join("/"));
  if (more.length > 0) {
    return { fault: `it has more parts than tenants/NAME/${section}/${section === "vms" ? "ADDRESS" : "NAME"}` };
  }
  if (section === "circuits") return isName(text) ? { name: text } : { fault: notName(text) };
  const address = shapes.vmAddress.safeParse(text);
  return address.success ? { name: address.data } : { fault: address.error.issues[0]?.message ?? "it is no address" };
}

function routePrefix(text: string): InnerName {
  const parts = text.split("_");
  if (parts.length !== 2 || text.includes("/")) {
    const meant = text.split("/").length === 2 && parts.length === 1 ? text.replace("/", "_") : "10.0.0.0_8";
    return { fault: `${quote(text)} is not a prefix with _ for its /, expected such as ${meant}` };
  }
  const prefix = shapes.routePrefix.safeParse(parts.join("/"));
  return prefix.success ? { name: prefix.data } : { fault: prefix.error.issues[0]?.message ?? "it is no prefix" };
}

function notName(text: string): string {
  return `${quote(text)} is no name, expected ${NAME_FORM}`;
}

/**
 * Key of the object at a path of an edit; undefined for what has no key, such as `edge`.
 * @param path may lead into the object: `["tenants", "acme", "rateLimit"]` is in tenants/acme
 */
export function keyOf(prefix: string, path: readonly string[]): string | undefined {
  const object = objectPath(path);
  if (object === undefined) return undefined;
  const [section, name, of, inner] = object;
  const key = inner === undefined ? `${section}/${name}` : `${section}/${name}/${of}/${inner.replace("/", "_")}`;
  return prefix + key;
}

/** Path of the object that a key is of; undefined: it is of none. */
export function pathOfKey(prefix: string, key: string): ObjectPath | undefined {
  return key.startsWith(prefix) ? parseKey(key.slice(prefix.length)).path : undefined;
}

/** The part of a path that leads to an object with a key. */
export function objectPath(path: readonly string[]): ObjectPath | undefined {
  const [section, name, of, inner] = path;
  if (section === undefined || name === undefined || !SECTIONS.includes(section)) return undefined;
  if (section !== "tenants" || of === undefined || !TENANT_SECTIONS.includes(of)) return [section as Section, name];
  return inner === undefined ? undefined : ["tenants", name, of as TenantSection, inner];
}
