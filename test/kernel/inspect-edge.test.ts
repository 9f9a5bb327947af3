// An edge as bpftool shows it: each of its maps, programs and links, and the hooks of its ports, byte for byte.

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bpftool, expectSame, expectSameStream, FORMS, withoutSeconds } from "../support/bpftool.ts";
import { unum } from "../support/cli.ts";
import { deleteLink, ip, makeLink, newPins } from "../support/dataplane-kernel.ts";

const DOCUMENT = `version: 1
edge:
  address: 10.2.0.1
  address6: 2001:db8::1
  mac: 02:00:00:00:00:01
  interfaces:
    - {name: ie0, role: access}
    - {name: ie1, role: underlay}
    - {name: ie2.9, role: both}
  capacity: {vms: 1024, vms6: 1024}
profiles:
  default: {ttl: 64}
  fast: {encapsulation: geneve, rateLimit: {rate: 1Gbit/s, burst: 1MB}}
servers:
  s1: {address: 10.2.0.2, standby: s2}
  s2: {address: 10.2.0.3, profile: fast}
  s3: {address: 2001:db8::3}
gateways:
  gw1: {address: 10.2.0.9, mac: 02:00:00:00:00:09}
tenants:
  acme:
    vni: 100
    circuits:
      hq: {interface: ie0, address: 10.1.0.1/24, peer: 10.1.0.2}
    routes:
      - {prefix: 172.16.0.0/12, via: [gw1]}
      - {prefix: 10.1.0.0/24, circuit: hq}
    vms:
      172.16.0.1: {server: s1, mac: 02:00:00:00:00:01}
      172.16.0.2: {server: s2, mac: 02:00:00:00:00:02}
      2001:db8:1::5: {server: s3, mac: 02:00:00:00:00:05}
`;

/** Of a dump in lines; as compact JSON, every dump is compared to its end. */
const LIMIT_BYTES = 256 << 10;

const NICS = ["ie0", "ie1", "ie2.9"];
const pins = newPins();
const here = ["--pin-dir", pins.path];
let scratch: string;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "unum-inspect-"));
  for (const name of NICS) makeLink(name);
  ip("address", "add", "10.2.0.1/24", "dev", "ie1");
  for (const host of [2, 3, 9])
    ip("neigh", "replace", `10.2.0.${host}`, "lladdr", `02:aa:00:00:00:0${host}`, "dev", "ie1", "nud", "permanent");
  const file = join(scratch, "state.yaml");
  writeFileSync(file, DOCUMENT);
  const { status, stderr } = await unum("apply", file, ...here);
  expect(status, stderr).toBe(0);
});
afterAll(() => {
  pins[Symbol.dispose]();
  for (const name of NICS) deleteLink(name);
  rmSync(scratch, { recursive: true, force: true });
});

describe("maps", () => {
  it("are dumped alike, all of them", async () => {
    const names = pins.pinnedMaps();
    expect(names).toEqual(expect.arrayContaining(["vms4", "endpoints", "routes4", "names", "egress", "drop_counters"]));
    let bytes = 0;
    for (const name of names) {
      bytes += await expectSameStream(
        ["map", "dump", "pinned", pins.map(name)],
        ["map", "dump", name, ...here],
        LIMIT_BYTES,
      );
    }
    expect(bytes).toBeGreaterThan(100 << 20);
  }, 600_000);

  it("are shown alike, all of them", async () => {
    for (const name of pins.pinnedMaps()) {
      await expectSame(["map", "show", "pinned", pins.map(name)], ["map", "show", name, ...here]);
    }
    await expectSame(["map", "getnext", "pinned", pins.map("vms4")], ["map", "getnext", "vms4", ...here]);
  });

  it("are listed as some of bpftool's lines", async () => {
    await expectAmong(["map", "show"], ["map", "list"], pins.pinnedMaps().length);
    await expectAmong(["map", "show"], ["map", "show"], pins.pinnedMaps().length);
  });

  it("are looked up alike", async () => {
    for (const name of ["endpoints", "tunnels", "drop_counters", "vms4", "profiles"]) {
      for (const key of [
        ["0", "0", "0", "0"],
        ["1", "0", "0", "0"],
        ["hex", "ff", "ff", "ff", "ff"],
      ]) {
        await expectSame(
          ["map", "lookup", "pinned", pins.map(name), "key", ...key],
          ["map", "lookup", name, "key", ...key, ...here],
        );
      }
    }
  });
});

describe("programs", () => {
  it("are shown alike, all of them", async () => {
    for (const role of ["access", "underlay", "both"]) {
      await expectSame(["prog", "show", "pinned", pins.program(role)], ["prog", "show", role, ...here]);
    }
  });

  it("are listed as some of bpftool's", async () => {
    await expectAmong(["prog", "show"], ["prog", "show"], 3);
  });
});

describe("links", () => {
  it("are shown alike, all of them", async () => {
    const names = readdirSync(pins.links);
    expect(names.length).toBe(NICS.length);
    for (const name of NICS) {
      await expectSame(["link", "show", "pinned", pins.link(name)], ["link", "show", name, ...here]);
    }
  });

  it("are listed as some of bpftool's", async () => {
    await expectAmong(["link", "show"], ["link", "show"], NICS.length);
  });

  it("are seen at the interfaces alike", async () => {
    const before = await expectSame(["net", "show"]);
    expect(before).toBeGreaterThan(200);
    for (const name of NICS) await expectSame(["net", "show", "dev", name]);
    await expectSame(["net", "list", "dev", "lo"]);
  });
});

/**
 * In a list, bpftool shows some of them with the btf_id of the one before: Linux 6.18 leaves in place what the caller's buffer
 * held there, and bpftool does not clear its own. A device map has no types.
 */
function withoutLeftovers(object: string): string {
  return object.includes("devmap_hash") ? object.replace(/\n\tbtf_id \d+|,\s*"btf_id": ?\d+/, "") : object;
}

/** Objects of a list, as either prints them: JSON begins each with its bracket, plain text with its number. */
function objectsOf(stdout: string, form: (typeof FORMS)[number]["form"]): readonly string[] {
  if (form === "plain") return stdout.split(/^(?=\d+: )/m);
  return stdout
    .replace(/^\[/, "")
    .replace(/\n?\]\n$/, "")
    .split(/(?<=\}),(?=\{\s*"id")/);
}

/** Ours are some of theirs, in the same order. */
async function expectAmong(words: readonly string[], own: readonly string[], count: number): Promise<void> {
  for (const form of FORMS) {
    const listed = withoutSeconds(bpftool(...form.bpftool, ...words)).stdout;
    const theirs = objectsOf(listed, form.form).map(withoutLeftovers);
    const { stdout, status } = await unum(...own, ...here, ...form.unum);
    const ours = objectsOf(withoutSeconds({ stdout, good: status === 0 }).stdout, form.form);
    expect(ours.length, form.form).toBe(count);
    expect(theirs.length).toBeGreaterThanOrEqual(count);
    expect(
      theirs.filter((object) => ours.includes(object)),
      form.form,
    ).toEqual(ours);
    if (form.form !== "plain") expect(JSON.parse(stdout)).toHaveLength(count);
  }
}
