// Open vSwitch with its datapath in user space: tunnels and VLANs of someone else's making. It needs no kernel module, and
// runs from a directory of its own, in a namespace of the lab, until that goes.

import type { ChildProcess } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { UnumError } from "../src/errors.ts";
import { ip, type Namespace, run, runIn, spawnIn, stop } from "./network.ts";

const SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema";
const START_LIMIT_MS = 20_000;

/** A tunnel port of a bridge: `options` as in ovs-vswitchd.conf.db(5). */
export interface TunnelPort {
  readonly name: string;
  readonly type: "vxlan" | "geneve" | "gre";
  readonly options: Readonly<Record<string, string | number>>;
}

export class OpenVSwitch {
  readonly namespace: Namespace;
  readonly #directory: string;
  readonly #daemons: readonly ChildProcess[];

  private constructor(namespace: Namespace, directory: string, daemons: readonly ChildProcess[]) {
    this.namespace = namespace;
    this.#directory = directory;
    this.#daemons = daemons;
  }

  /** Starts database and switch, and returns when the switch takes commands. */
  static async start(namespace: Namespace, directory: string): Promise<OpenVSwitch> {
    await mkdir(directory, { recursive: true });
    await run("ovsdb-tool", ["create", join(directory, "conf.db"), SCHEMA]);
    const socket = join(directory, "db.sock");
    const daemon = (name: string, ...args: string[]) =>
      spawnIn(namespace, [
        ...["env", ...environment(directory), name, ...args, "-vconsole:off", "--no-chdir"],
        ...[`--log-file=${join(directory, `${name}.log`)}`, `--unixctl=${join(directory, `${name}.ctl`)}`],
      ]);
    const daemons = [daemon("ovsdb-server", join(directory, "conf.db"), `--remote=punix:${socket}`)];
    const started = new OpenVSwitch(namespace, directory, daemons);
    try {
      await until(() => existsSync(socket), "ovsdb-server", daemons[0]);
      await started.#vsctl("--no-wait", "init");
      // Or the second tag of a frame is payload to it.
      await started.#vsctl("--no-wait", "set", "Open_vSwitch", ".", "other_config:vlan-limit=2");
      const switchd = daemon("ovs-vswitchd", `unix:${socket}`);
      daemons.push(switchd);
      await until(() => existsSync(join(directory, "ovs-vswitchd.ctl")), "ovs-vswitchd", switchd);
    } catch (error) {
      await started[Symbol.asyncDispose]();
      throw error;
    }
    return started;
  }

  /** A bridge in user space that learns MACs, unless its flows say otherwise. Its internal port is up. */
  async addBridge(name: string): Promise<void> {
    await this.#vsctl("add-br", name, "--", "set", "bridge", name, "datapath_type=netdev");
    await runIn(this.namespace, ["ip", "link", "set", name, "up"]);
  }

  /** Adds devices of the namespace to a bridge. */
  async addPort(bridge: string, ...devices: readonly string[]): Promise<void> {
    // It takes single frames: what GRO joins it would have to cut off.
    await ip(this.namespace, ...devices.map((device) => `link set ${device} gro_max_size 1`));
    for (const device of devices) await this.#vsctl("add-port", bridge, device);
  }

  async addTunnel(bridge: string, { name, type, options }: TunnelPort): Promise<void> {
    const settings = Object.entries(options).map(([key, value]) => `options:${key}="${value}"`);
    await this.#vsctl("add-port", bridge, name, "--", "set", "interface", name, `type=${type}`, ...settings);
    const problem = (await this.#vsctl("get", "interface", name, "error")).trim();
    if (problem !== "[]") throw new UnumError("SYSTEM_CALL", `add tunnel port ${name} to ${bridge}: ${problem}`);
  }

  /** What a bridge does, one flow a line as in ovs-ofctl(8), in the place of what it did. */
  async setFlows(bridge: string, ...flows: readonly string[]): Promise<void> {
    const names = ["--names", "-O", "OpenFlow13"];
    await run("ovs-ofctl", [...names, "replace-flows", bridge, "-"], {
      input: `${flows.join("\n")}\n`,
      env: this.#environment(),
    });
  }

  /** A command of ovs-vswitchd, such as tnl/neigh/show. */
  command(...args: readonly string[]): Promise<string> {
    return run("ovs-appctl", ["-t", join(this.#directory, "ovs-vswitchd.ctl"), ...args], { env: this.#environment() });
  }

  /** Packets that a bridge's port received and sent, as the switch counts them. */
  async traffic(bridge: string, port: string): Promise<{ readonly rxPackets: number; readonly txPackets: number }> {
    const text = await run("ovs-ofctl", ["dump-ports", bridge, port], { env: this.#environment() });
    const [rxPackets, txPackets] = [...text.matchAll(/[rt]x pkts=(\d+)/g)].map((found) => Number(found[1]));
    if (rxPackets === undefined || txPackets === undefined)
      throw new UnumError("SYSTEM_CALL", `count packets of ${port}: not in the switch's words:\n${text}`);
    return { rxPackets, txPackets };
  }

  /** The switch's log, for those who look for a reason. */
  log(): string {
    return readFileSync(join(this.#directory, "ovs-vswitchd.log"), "utf8");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The switch first: it would wait for its database.
    for (const daemon of [...this.#daemons].reverse()) await stop(daemon);
  }

  #vsctl(...args: readonly string[]): Promise<string> {
    const database = `--db=unix:${join(this.#directory, "db.sock")}`;
    return run("ovs-vsctl", [database, "--timeout=20", ...args], { env: this.#environment() });
  }

  #environment(): NodeJS.ProcessEnv {
    return { ...process.env, ...Object.fromEntries(environment(this.#directory).map((entry) => entry.split("="))) };
  }
}

function environment(directory: string): readonly string[] {
  return ["RUNDIR", "LOGDIR", "DBDIR", "SYSCONFDIR"].map((name) => `OVS_${name}=${directory}`);
}

async function until(condition: () => boolean, what: string, child: ChildProcess | undefined): Promise<void> {
  for (let waitedMs = 0; !condition(); waitedMs += 10) {
    if (child?.exitCode !== null || waitedMs > START_LIMIT_MS)
      throw new UnumError("SYSTEM_CALL", `start ${what}: it does not listen`);
    await sleep(10);
  }
}
