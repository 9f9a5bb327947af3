import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { connect, createNamespace, type Namespace, removeNamespace } from "../../lab/network.ts";
import { xdpTakesRedirects } from "../../src/bpf/link.ts";
import { links } from "../../src/bpf/rtnetlink.ts";
import { setNetworkNamespace } from "../../src/bpf/system.ts";

const path = process.env.PATH;
const namespaces: Namespace[] = [];
let scratch: string | undefined;
afterEach(async () => {
  process.env.PATH = path;
  if (scratch) await rm(scratch, { recursive: true });
  await Promise.all(namespaces.splice(0).map(removeNamespace));
});

/** Puts an ethtool first in PATH that takes its time to turn GRO on, as a busy machine does now and then. */
async function slowDownGro(): Promise<void> {
  scratch = await mkdtemp(join(tmpdir(), "unum-ethtool-"));
  const script = `#!/bin/sh\ncase "$*" in *gro*) sleep 0.5 ;; esac\nPATH='${path}' exec ethtool "$@"\n`;
  await writeFile(join(scratch, "ethtool"), script, { mode: 0o755 });
  process.env.PATH = `${scratch}:${path}`;
}

it("gives ports that take redirected frames, however long a command takes", async () => {
  const [edge, peers] = await Promise.all(["net-edge", "net-peers"].map((name) => createNamespace(name)));
  if (!edge || !peers) throw new Error("make namespaces: one is missing");
  namespaces.push(edge, peers);
  await slowDownGro();
  await Promise.all([
    connect({ namespace: edge, name: "e0" }, { namespace: peers, name: "c0", gro: true }),
    connect({ namespace: peers, name: "c1", gro: true }, { namespace: edge, name: "e1" }),
  ]);
  setNetworkNamespace(edge.path);
  try {
    const ports = links().filter((link) => link.kind === "veth");
    const deaf = ports.filter((link) => xdpTakesRedirects(link.ifindex) === false);
    expect(ports).toHaveLength(2);
    expect(deaf.map((link) => link.name)).toEqual([]);
  } finally {
    setNetworkNamespace(`/proc/${process.ppid}/ns/net`);
  }
});
