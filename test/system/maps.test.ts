import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { PIN_DIRECTORY } from "../../lab/edge.ts";
import { run } from "../../lab/network.ts";
import { CIRCUIT } from "../../lab/plan.ts";
import { ping } from "../../lab/traffic.ts";
import { useStage } from "../support/lab.ts";

const stage = useStage();
const maps = join(PIN_DIRECTORY, "maps");

interface DumpedElement {
  readonly formatted?: { readonly key?: unknown; readonly value?: unknown; readonly values?: readonly unknown[] };
}

/** bpftool dumps an array of a million elements, but that takes its time: the VM table's head is enough. */
const dump = async (name: string): Promise<readonly DumpedElement[]> =>
  JSON.parse(await run("bpftool", ["-j", "map", "dump", "pinned", join(maps, name)]));

describe("bpftool", () => {
  it("shows field names for every pinned map", async () => {
    await ping(stage.lab.namespace("customer"), "172.16.0.1");
    const names = readdirSync(maps);
    expect(names).toEqual(expect.arrayContaining(["vms4", "endpoints", "tunnels", "names"]));
    for (const name of names) {
      const elements = await dump(name);
      const [first] = elements;
      // An empty hash or trie has nothing to show but must carry its types.
      if (first === undefined) {
        const info = JSON.parse(await run("bpftool", ["-j", "map", "show", "pinned", join(maps, name)]));
        expect(info.btf_id, name).toBeGreaterThan(0);
      } else expect(first.formatted, `${name} has no BTF`).toBeDefined();
    }
  });

  it("shows what the document says", async () => {
    const endpoints = await dump("endpoints");
    const used = endpoints.filter((element) => JSON.stringify(element.formatted?.value).includes('"kind":1'));
    expect(used.length).toBe(2);
    const text = JSON.stringify(await dump("names"));
    for (const name of ["s1", "s2", "gw1", "acme"]) expect(text).toContain(`"${name}"`);
    expect(
      await ping(stage.lab.vm({ ...stage.lab.tenants[0] } as never, "172.16.0.1"), CIRCUIT.customer),
    ).toBeDefined();
  });
});
