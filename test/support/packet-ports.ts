// The interfaces that test runs come in on: veths in the sandbox's own network. A test run may name an interface only if its
// receive queues are registered with XDP; a veth's are while it is up and runs NAPI, which GRO on makes it do.

import { execFileSync } from "node:child_process";
import { links } from "../../src/bpf/rtnetlink.ts";
import { PORT_SPECS, PORTS, type PortName } from "./packet-world.ts";

export interface Ports {
  readonly ifindex: ReadonlyMap<PortName, number>;
  close(): void;
}

function ip(lines: readonly string[], force = false): void {
  execFileSync("ip", [...(force ? ["-force"] : []), "-batch", "-"], {
    input: lines.join("\n"),
    stdio: ["pipe", "ignore", force ? "ignore" : "inherit"],
  });
}

function remove(): void {
  try {
    ip(
      PORTS.map((name) => `link del ${name}`),
      true,
    );
  } catch {
    // What is not there need not go.
  }
}

/** Makes every port of the world. Only in scripts/sandbox: elsewhere the names could be those of real interfaces. */
export function makePorts(): Ports {
  if (process.env.UNUM_SANDBOX !== "1") {
    throw new Error("make test interfaces: this is not the sandbox; run npm test, or scripts/sandbox COMMAND");
  }
  remove();
  ip(
    PORTS.flatMap((name) => [
      `link add ${name} address ${PORT_SPECS[name].mac} mtu 9000 type veth peer name ${name}p mtu 9000`,
      `link set ${name} up`,
      `link set ${name}p up`,
    ]),
  );
  for (const name of PORTS) execFileSync("ethtool", ["-K", name, "gro", "on"]);
  const made = new Map(links().map((link) => [link.name, link.ifindex]));
  const ifindex = new Map(PORTS.map((name) => [name, made.get(name) as number]));
  return { ifindex, close: remove };
}
