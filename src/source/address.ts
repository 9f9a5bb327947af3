// The text that names a source, on the command line and in the environment: where it is and how to get in, and no secret.
//
//   file:/etc/unum/state.yaml
//   etcd:https://10.9.0.1:2379,10.9.0.2:2379/unum/v1?ca=/etc/unum/ca.pem&certificate=/etc/unum/edge.pem&key=/etc/unum/edge.key

import { isIP } from "node:net";
import { resolve } from "node:path";
import { UnumError } from "../errors.ts";

export interface FileAddress {
  readonly kind: "file";
  /** Absolute. */
  readonly path: string;
}

export interface EtcdAddress {
  readonly kind: "etcd";
  /** `host:port` of each member, IPv6 addresses in brackets. */
  readonly members: readonly string[];
  /** Begins and ends with a slash. */
  readonly prefix: string;
  readonly tls: boolean;
  /** Files in PEM form, absolute. */
  readonly ca?: string;
  readonly certificate?: string;
  readonly key?: string;
  readonly user?: string;
  /** File with the user's password, absolute. */
  readonly passwordFile?: string;
}

export type SourceAddress = FileAddress | EtcdAddress;

export const DEFAULT_PREFIX = "/unum/v1/";
const DEFAULT_PORT = 2379;
const FORMS = "file:PATH, or etcd:https://HOST:PORT,HOST:PORT/PREFIX?ca=FILE&certificate=FILE&key=FILE";
const SETTINGS = ["ca", "certificate", "key", "user", "passwordFile"] as const;

function wrong(text: string, cause: string, remedy?: string): UnumError {
  // The text itself is what its author has to look at; it holds no secret.
  return new UnumError("VALUE_INVALID", `follow source ${JSON.stringify(text)}: ${cause}`, { remedy });
}

/** @throws UnumError VALUE_INVALID */
export function parseSource(text: string): SourceAddress {
  const [, scheme, rest = ""] = /^([a-z]+):(.*)$/s.exec(text) ?? [];
  if (rest === "" || text.includes("\0") || (scheme !== "file" && scheme !== "etcd"))
    throw wrong(text, `expected ${FORMS}`, scheme === undefined ? `a file is file:${text}` : undefined);
  return scheme === "file" ? { kind: "file", path: resolve(rest) } : parseEtcd(text, rest);
}

function parseEtcd(text: string, rest: string): EtcdAddress {
  const [, scheme, hosts = "", path = "", query] = /^(https?):\/\/([^/?]*)(\/[^?]*)?(?:\?(.*))?$/s.exec(rest) ?? [];
  if (scheme === undefined) throw wrong(text, `expected ${FORMS}`);
  if (hosts.includes("@"))
    throw wrong(text, "a user in the address is no use here", "name it with user=NAME&passwordFile=FILE at the end");
  const members = hosts.split(",").map((host) => memberOf(text, host));
  const twice = members.find((member, index) => members.indexOf(member) !== index);
  if (twice !== undefined) throw wrong(text, `${twice} is listed twice`);
  const settings = settingsOf(text, query);
  const { ca, certificate, key, user, passwordFile } = settings;
  if (scheme === "http" && (ca ?? certificate ?? key) !== undefined)
    throw wrong(text, "certificates are of no use with http", "write https://");
  if ((certificate === undefined) !== (key === undefined))
    throw wrong(text, "certificate and key come together, one of them is missing");
  if ((user === undefined) !== (passwordFile === undefined))
    throw wrong(text, "user and passwordFile come together, one of them is missing");
  return { kind: "etcd", members, prefix: prefixOf(text, path), tls: scheme === "https", ...settings };
}

function memberOf(text: string, host: string): string {
  const [, bracketed, plain, port = DEFAULT_PORT] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(host) ?? [];
  const six = bracketed !== undefined && isIP(bracketed) === 6;
  const named = plain !== undefined && /^[A-Za-z0-9._-]{1,253}$/.test(plain);
  if ((!six && !named) || Number(port) < 1 || Number(port) > 65_535)
    throw wrong(text, `${JSON.stringify(host)} is no member, expected HOST:PORT`, "IPv6 addresses stand in brackets");
  return `${six ? `[${bracketed}]` : plain}:${Number(port)}`;
}

/** Of nothing but a slash: the usual one. */
function prefixOf(text: string, path: string): string {
  if (path === "" || path === "/") return DEFAULT_PREFIX;
  if (!/^(\/[A-Za-z0-9._-]+)+\/?$/.test(path))
    throw wrong(text, `${JSON.stringify(path)} is no prefix of keys, expected one such as /unum/v1`);
  return path.endsWith("/") ? path : `${path}/`;
}

function settingsOf(text: string, query: string | undefined): Partial<Record<(typeof SETTINGS)[number], string>> {
  const settings: Partial<Record<(typeof SETTINGS)[number], string>> = {};
  for (const part of query === undefined ? [] : query.split("&")) {
    const at = part.indexOf("=");
    const name = SETTINGS.find((setting) => setting === part.slice(0, Math.max(at, 0)));
    if (name === undefined)
      throw wrong(text, `${JSON.stringify(part)} is no setting, expected ${SETTINGS.join(", ")}, as NAME=VALUE`);
    const value = part.slice(at + 1);
    if (value === "" || settings[name] !== undefined) throw wrong(text, `${name}: expected one value`);
    settings[name] = name === "user" ? value : resolve(value);
  }
  return settings;
}

/** The same source, whatever the way in which it was written. */
export function sourceName(address: SourceAddress): string {
  if (address.kind === "file") return `file:${address.path}`;
  const { members, prefix, tls } = address;
  const query = SETTINGS.flatMap((name) => (address[name] === undefined ? [] : [`${name}=${address[name]}`]));
  const end = query.length === 0 ? "" : `?${query.join("&")}`;
  return `etcd:${tls ? "https" : "http"}://${members.join(",")}${prefix}${end}`;
}
