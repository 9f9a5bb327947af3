import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { PIN_DIRECTORY } from "../../lab/edge.ts";
import { run } from "../../lab/network.ts";
import { EDGE_MAC } from "../../lab/plan.ts";
import { ping } from "../../lab/traffic.ts";
import { useStage } from "../support/lab.ts";

const stage = useStage();
const maps = join(PIN_DIRECTORY, "maps");

interface DumpedElement {
  readonly formatted?: { readonly value?: Readonly<Record<string, unknown>> };
}

const dump = async (name: string): Promise<readonly DumpedElement[]> =>
  JSON.parse(await run("bpftool", ["-j", "map", "dump", "pinned", join(maps, name)]));

/** The first elements only: the VM table is hundreds of megabytes of JSON. */
const dumpStart = (name: string): Promise<string> =>
  run("sh", ["-c", 'bpftool -j map dump pinned "$1" | head -c 65536', "sh", join(maps, name)]);

describe("bpftool", () => {
  it("shows field names for every pinned map", async () => {
    await ping(stage.lab.namespace("customer"), "172.16.0.1");
    const names = readdirSync(maps);
    expect(names).toEqual(expect.arrayContaining(["vms4", "endpoints", "tunnels", "names", "egress"]));
    for (const name of names) {
      const info = JSON.parse(await run("bpftool", ["-j", "map", "show", "pinned", join(maps, name)]));
      // The kernel takes no types for a device map: its elements are interface indexes.
      if (info.type === "devmap_hash") continue;
      expect(info.btf_id, `${name} has no BTF`).toBeGreaterThan(0);
      const start = await dumpStart(name);
      // An empty trie has nothing to show.
      if (start.trim() !== "[]")
        expect(start, `${name} is dumped as bytes`).toMatch(/"formatted":\{"key":.*"value":\{"[a-z]/s);
    }
  });

  it("shows what the document says", async () => {
    const kinds = (await dump("endpoints")).map((element) => element.formatted?.value?.kind);
    expect(kinds.filter((kind) => kind === 1).length, "servers").toBe(2);
    expect(kinds.filter((kind) => kind === 2).length, "gateways").toBe(1);
    const text = JSON.stringify(await dump("names"));
    for (const name of ["s1", "s2", "gw1", "acme", "default"]) expect(text).toContain(`"${name}"`);
    const [edge] = await dump("edge");
    expect(edge?.formatted?.value).toMatchObject({
      mac: EDGE_MAC.split(":").map((byte) => Number.parseInt(byte, 16)),
    });
  });
});
