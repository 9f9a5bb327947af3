// Namespaces, veth pairs and commands in them: what the lab, the system tests and the bench build networks from. All of
// it belongs in scripts/sandbox, where /run/netns is private and where nothing survives.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { UnumError } from "../src/errors.ts";

/** A network namespace by name, as `ip netns` knows it. */
export interface Namespace {
  readonly name: string;
  /** For nsenter and setns. */
  readonly path: string;
}

export interface CommandOptions {
  /** Written to the command's stdin, which is empty otherwise. */
  readonly input?: string;
  readonly timeoutMs?: number;
  readonly env?: NodeJS.ProcessEnv;
}

export interface CommandResult {
  /** Exit status; 128 + number when a signal ended it. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end, with no shell. Throws only if it cannot be started or takes too long. */
export function execute(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const { input = "", timeoutMs = 60_000, env = process.env } = options;
  const settings = { encoding: "utf8", maxBuffer: 1 << 28, timeout: timeoutMs, killSignal: "SIGKILL", env } as const;
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, settings, (error, stdout, stderr) => {
      if (error?.killed) return reject(failure(command, args, `took longer than ${timeoutMs} ms`, stderr));
      if (error && typeof error.code !== "number" && !error.signal) {
        return reject(failure(command, args, error.message, stderr));
      }
      resolve({ status: error ? Number(error.code ?? 128) : 0, stdout, stderr });
    });
    child.stdin?.on("error", () => {}); // a command may end without reading its input
    child.stdin?.end(input);
  });
}

/** Runs a command and returns its stdout. Throws when it fails. */
export async function run(command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { status, stdout, stderr } = await execute(command, args, options);
  if (status !== 0) throw failure(command, args, `exit status ${status}`, stderr);
  return stdout;
}

function failure(command: string, args: readonly string[], cause: string, stderr: string): UnumError {
  return new UnumError("SYSTEM_CALL", `run ${[command, ...args].join(" ")}: ${cause}\n${stderr.trim()}`.trim());
}

/** Program and arguments that run a command in a namespace. Not `ip netns exec`: that hides /sys/fs/bpf. */
export function inside(namespace: Namespace, command: readonly string[]): [string, string[]] {
  return ["nsenter", [`--net=${namespace.path}`, "--", ...command]];
}

/** `run` in a namespace. */
export function runIn(namespace: Namespace, command: readonly string[], options: CommandOptions = {}): Promise<string> {
  return run(...inside(namespace, command), options);
}

/** `execute` in a namespace. */
export function executeIn(
  namespace: Namespace,
  command: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return execute(...inside(namespace, command), options);
}

/** What runs in the namespaces, by their names. */
const running = new Map<string, Set<ChildProcess>>();

/**
 * A running command in a namespace, with pipes for stdin and stdout; stderr is ours. Ended by `stop`, or with its
 * namespace.
 */
export function spawnIn(namespace: Namespace, command: readonly string[]): ChildProcess {
  const child = spawn(...inside(namespace, command), { stdio: ["pipe", "pipe", "inherit"] });
  const children = running.get(namespace.name) ?? new Set();
  running.set(namespace.name, children.add(child));
  child.once("exit", () => children.delete(child));
  return child;
}

/** Ends a command that spawnIn started, and waits until it is gone. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

/** Lines for `ip -batch` in a namespace. */
export async function ip(namespace: Namespace, ...lines: string[]): Promise<void> {
  await run("ip", ["-n", namespace.name, "-batch", "-"], { input: `${lines.join("\n")}\n` });
}

/** Lines for `bridge -batch` in a namespace. */
export async function bridge(namespace: Namespace, ...lines: string[]): Promise<void> {
  await run("bridge", ["-n", namespace.name, "-batch", "-"], { input: `${lines.join("\n")}\n` });
}

/** Writes one value to files under /proc/sys/net of a namespace. */
export async function sysctl(namespace: Namespace, value: number, ...names: string[]): Promise<void> {
  const files = names.map((name) => join("/proc/sys/net", name));
  await runIn(namespace, ["tee", ...files], { input: `${value}\n` });
}

export interface NamespaceOptions {
  /** Off, there is none of its chatter in counters. On, addresses are used at once and routers are not asked for. */
  readonly ipv6?: boolean;
}

/** A new namespace with lo up. */
export async function createNamespace(name: string, { ipv6 = false }: NamespaceOptions = {}): Promise<Namespace> {
  const namespace = { name, path: `/run/netns/${name}` };
  await run("ip", ["netns", "add", name]);
  const both = (family: string, ...keys: string[]) =>
    keys.flatMap((key) => ["all", "default"].map((scope) => `${family}/conf/${scope}/${key}`));
  await sysctl(namespace, ipv6 ? 0 : 1, ...both("ipv6", "disable_ipv6"));
  if (ipv6) await sysctl(namespace, 0, ...both("ipv6", "accept_dad", "accept_ra", "router_solicitations"));
  // A reverse path filter would judge hosts with two ways; a gateway that sends redirects would say too much.
  await sysctl(namespace, 0, ...both("ipv4", "rp_filter", "send_redirects"));
  await ip(namespace, "link set lo up");
  return namespace;
}

/** Removes a namespace with all of its devices, and ends what spawnIn started in it. */
export async function removeNamespace(namespace: Namespace): Promise<void> {
  await Promise.all([...(running.get(namespace.name) ?? [])].map(stop));
  running.delete(namespace.name);
  await run("ip", ["netns", "delete", namespace.name]);
}

/** One end of a veth pair. */
export interface End {
  readonly namespace: Namespace;
  readonly name: string;
  readonly mac?: string;
  /** With prefix length: "10.1.0.2/24". One, or several of either family. */
  readonly address?: string | readonly string[];
  readonly mtuBytes?: number;
  /** Bridge to join. */
  readonly master?: string;
  /**
   * Receive by NAPI. A veth takes frames that XDP redirects to it only if its other end does: set it at the peers of
   * ports that run XDP.
   */
  readonly gro?: boolean;
}

/**
 * Joins two namespaces with a veth pair, both ends up. Transmit checksum offload is off at both: a frame with a checksum
 * left to fill in would be encapsulated as it is.
 *
 * Offloads are set before either end is up. A veth looks at its peer's GRO when it comes up, and is told of changes only
 * by a peer that is up: of one that turns GRO on in between it never hears, and drops what XDP redirects to it.
 */
export async function connect(a: End, b: End): Promise<void> {
  const side = (end: End) => [end.name, "netns", end.namespace.name, ...(end.mac ? ["address", end.mac] : [])];
  await run("ip", ["link", "add", ...side(a), "type", "veth", "peer", "name", ...side(b)]);
  await Promise.all([a, b].map(setOffloads));
  await Promise.all([a, b].map(bringUp));
}

async function setOffloads(end: End): Promise<void> {
  const offloads = ["tx", "off", ...(end.gro ? ["gro", "on"] : [])];
  await runIn(end.namespace, ["ethtool", "-K", end.name, ...offloads]);
}

async function bringUp(end: End): Promise<void> {
  await ip(
    end.namespace,
    ...(end.mtuBytes ? [`link set ${end.name} mtu ${end.mtuBytes}`] : []),
    ...[end.address ?? []].flat().map((address) => addAddress(address, end.name)),
    ...(end.master ? [`link set ${end.name} master ${end.master}`] : []),
    `link set ${end.name} up`,
  );
}

/** Line for `ip` that adds an address of either family, to be used at once. */
export function addAddress(address: string, device: string): string {
  return `address add ${address} dev ${device}${address.includes(":") ? " nodad" : ""}`;
}
