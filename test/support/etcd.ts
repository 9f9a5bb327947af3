// A real cluster of etcd: each member a process on loopback or in a namespace, which can be killed, stopped and started again.
// For use in scripts/sandbox, with which the members end if a test does not end them.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execute, inside, type Namespace, run } from "../../lab/network.ts";
import { until } from "./daemon.ts";
import type { TestCertificates } from "./etcd-certificates.ts";

export interface MemberPlace {
  readonly namespace?: Namespace;
  /** Where the member listens and is found by the others. */
  readonly address: string;
  readonly clientPort: number;
  readonly peerPort: number;
}

export interface EtcdClusterOptions {
  /** How many members, or where each of them is. Default: one, on loopback. */
  readonly members?: number | readonly MemberPlace[];
  /** Clients need a certificate of the same authority. */
  readonly certificates?: TestCertificates;
  /** More of etcd's own options. */
  readonly args?: readonly string[];
}

const LOG_CHARACTERS_MAX = 20_000;

export class EtcdMember {
  readonly name: string;
  readonly place: MemberPlace;
  readonly #command: readonly string[];
  #child: ChildProcess | undefined;
  #log = "";

  constructor(name: string, place: MemberPlace, command: readonly string[]) {
    this.name = name;
    this.place = place;
    this.#command = command;
  }

  /** `host:port`, as a client names it. */
  get endpoint(): string {
    return hostPort(this.place.address, this.place.clientPort);
  }

  /** The end of what it wrote. */
  get log(): string {
    return this.#log;
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts it, on the data that it has. It answers some time later. */
  start(): void {
    const [command, args] = within(this.place.namespace, this.#command);
    const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#log = (this.#log + text).slice(-LOG_CHARACTERS_MAX);
    });
    this.#child = child;
  }

  /** As a machine that loses its power. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.running) return;
    const gone = once(child, "close");
    child.kill("SIGKILL");
    await gone;
  }

  /** As one that hangs: its sockets stay open, and nobody answers. */
  pause(): void {
    this.#child?.kill("SIGSTOP");
  }

  resume(): void {
    this.#child?.kill("SIGCONT");
  }
}

export class EtcdCluster {
  readonly members: readonly EtcdMember[];
  readonly #directory: string;
  readonly #certificates: TestCertificates | undefined;

  private constructor(members: readonly EtcdMember[], directory: string, certificates: TestCertificates | undefined) {
    this.members = members;
    this.#directory = directory;
    this.#certificates = certificates;
  }

  /** Starts members and waits until all of them serve. */
  static async start(options: EtcdClusterOptions = {}): Promise<EtcdCluster> {
    const { members = 1, certificates, args = [] } = options;
    const places = typeof members === "number" ? await freePlaces(members) : members;
    const directory = mkdtempSync(join(tmpdir(), "etcd-"));
    const peers = places.map(({ address, peerPort }, i) => `m${i}=http://${hostPort(address, peerPort)}`).join(",");
    const cluster = new EtcdCluster(
      places.map((place, i) => {
        const client = `${certificates ? "https" : "http"}://${hostPort(place.address, place.clientPort)}`;
        const peer = `http://${hostPort(place.address, place.peerPort)}`;
        const settings = {
          name: `m${i}`,
          "data-dir": join(directory, `m${i}`),
          "listen-client-urls": client,
          "advertise-client-urls": client,
          "listen-peer-urls": peer,
          "initial-advertise-peer-urls": peer,
          "initial-cluster": peers,
          "initial-cluster-token": directory,
          "heartbeat-interval": "50",
          "election-timeout": "500",
          logger: "zap",
          "log-level": "warn",
          ...(certificates && {
            "cert-file": certificates.server.certificatePath,
            "key-file": certificates.server.keyPath,
            "trusted-ca-file": certificates.caPath,
            "client-cert-auth": "true",
          }),
        };
        const flags = Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
        return new EtcdMember(`m${i}`, place, ["etcd", ...flags, ...args]);
      }),
      directory,
      certificates,
    );
    try {
      for (const member of cluster.members) member.start();
      await cluster.healthy();
    } catch (thrown) {
      const logs = cluster.members.map(({ name, log }) => `${name}: ${log}`).join("\n");
      await cluster.stop();
      throw new Error(`start etcd: ${thrown instanceof Error ? thrown.message : thrown}\n${logs}`);
    }
    return cluster;
  }

  /** `host:port` of each member. */
  get endpoints(): string[] {
    return this.members.map(({ endpoint }) => endpoint);
  }

  /** Waits until each member that runs answers a linearisable read. */
  async healthy(): Promise<void> {
    for (const member of this.members.filter(({ running }) => running)) {
      await until(`${member.name} is healthy`, async () => {
        if (!member.running) throw new Error(`${member.name} ended`);
        return (await this.#try(member, ["endpoint", "health", "--command-timeout=1s"])) || undefined;
      });
    }
  }

  /** The member that leads now. */
  async leader(): Promise<EtcdMember> {
    return until("there is a leader", async () => {
      for (const member of this.members.filter(({ running }) => running)) {
        const [status] = JSON.parse(await this.etcdctl(member, "endpoint", "status", "--write-out=json"));
        if (status.Status.leader === status.Status.header.member_id) return member;
      }
      return undefined;
    });
  }

  /** Runs etcdctl at one member. */
  etcdctl(member: EtcdMember, ...args: string[]): Promise<string> {
    const [command, all] = within(member.place.namespace, this.#etcdctl(member, args));
    return run(command, all);
  }

  async #try(member: EtcdMember, args: readonly string[]): Promise<boolean> {
    const [command, all] = within(member.place.namespace, this.#etcdctl(member, args));
    return (await execute(command, all)).status === 0;
  }

  #etcdctl(member: EtcdMember, args: readonly string[]): string[] {
    const tls = this.#certificates;
    const given = tls
      ? [`--cacert=${tls.caPath}`, `--cert=${tls.client.certificatePath}`, `--key=${tls.client.keyPath}`]
      : [];
    return ["etcdctl", `--endpoints=${tls ? "https" : "http"}://${member.endpoint}`, ...given, ...args];
  }

  /** Ends all members and removes their data. */
  async stop(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

function within(namespace: Namespace | undefined, command: readonly string[]): [string, string[]] {
  if (namespace !== undefined) return inside(namespace, command);
  const [program, ...args] = command as [string, ...string[]];
  return [program, args];
}

const hostPort = (address: string, port: number): string =>
  address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;

/** Ports that are free now. All are held until the last is found, so that they differ. */
async function freePlaces(count: number): Promise<MemberPlace[]> {
  const address = "127.0.0.1";
  const servers = await Promise.all(
    Array.from({ length: 2 * count }, async () => {
      const server = createServer().listen(0, address);
      await once(server, "listening");
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return Array.from({ length: count }, (_, i) => ({
    address,
    clientPort: ports[2 * i] as number,
    peerPort: ports[2 * i + 1] as number,
  }));
}
