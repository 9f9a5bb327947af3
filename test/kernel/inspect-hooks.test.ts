// Programs and links of every kind, and what hangs on interfaces, beside bpftool.

import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BpfObject } from "../../src/bpf/object.ts";
import { links } from "../../src/bpf/rtnetlink.ts";
import { bpftool, expectSame } from "../support/bpftool.ts";
import { deleteLink, ip, makeLink } from "../support/dataplane-kernel.ts";
import { frameOf, pinDirectory, testObject } from "./native-support.ts";

const NIC = "ih0";
const [BPF_CGROUP_INET_INGRESS, BPF_FLOW_DISSECTOR, BPF_TRACE_ITER, BPF_TCX_INGRESS] = [0, 17, 28, 46];
const BPF_CGROUP_ITER_SELF_ONLY = 1;

let hooks: BpfObject;
let values: BpfObject;
let pins: ReturnType<typeof pinDirectory>;
let mount: string;
let cgroup: string;
const pinOf = (name: string) => join(pins.path, name);
const linkPin = (name: string) => join(pins.path, `link_${name}`);

interface Wanted {
  readonly tracepoint?: string;
  readonly attachType?: number;
  readonly target?: string;
  readonly ifindex?: number;
  readonly map?: string;
  readonly cgroup?: string;
  readonly order?: number;
  readonly tid?: number;
}

function attach(program: string, wanted: Wanted): void {
  const input = JSON.stringify([{ program: pinOf(program), pin: linkPin(program), ...wanted }]);
  const script = join(import.meta.dirname, "../support/kernel-links.py");
  const { status, stderr } = spawnSync("python3", [script], { input, encoding: "utf8" });
  if (status !== 0) throw new Error(`attach ${program}: ${stderr}`);
}

const tc = (...args: string[]) => execFileSync("tc", args, { stdio: ["ignore", "ignore", "pipe"] });

beforeAll(() => {
  pins = pinDirectory();
  [hooks, values] = ["inspect-hooks", "inspect-values"].map((name) => {
    const object = BpfObject.open(testObject(name));
    object.load();
    for (const { name } of object.programs) object.program(name).pin(pinOf(name));
    return object;
  }) as [BpfObject, BpfObject];
  hooks.map("walked").pin(pinOf("walked"));
  mount = join(tmpdir(), "inspect-cgroup");
  cgroup = join(mount, `unum-inspect-${process.pid}`);
  mkdirSync(mount);
  execFileSync("mount", ["-t", "cgroup2", "none", mount]);
  mkdirSync(cgroup);
  makeLink(NIC);
});
afterAll(() => {
  pins?.[Symbol.dispose]();
  hooks?.close();
  values?.close();
  deleteLink(NIC);
  rmdirSync(cgroup);
  execFileSync("umount", [mount]);
});

describe("programs", () => {
  it("are shown alike: with metadata, cut names, and of every type", async () => {
    const names = [...hooks.programs, ...values.programs].map(({ name }) => name);
    for (const name of names) {
      const { id, tag } = JSON.parse(bpftool("-j", "prog", "show", "pinned", pinOf(name)).stdout);
      expect(await expectSame(["prog", "show", "pinned", pinOf(name)])).toBeGreaterThan(300);
      await expectSame(["prog", "list", "id", String(id)]);
      await expectSame(["prog", "show", "name", name]);
      await expectSame(["prog", "show", "tag", tag]);
    }
    expect(bpftool("prog", "show", "pinned", pinOf("pass")).stdout).not.toContain("metadata");
    expect(bpftool("prog", "show", "pinned", pinOf("a_name_that_the_kernel_cuts")).stdout).toContain("big = 0xff");
  });
});

describe("a program whose runs the kernel counted", () => {
  it("is shown alike", async () => {
    const script = join(import.meta.dirname, "../support/run-statistics.py");
    const counting = spawn("python3", [script], { stdio: ["pipe", "pipe", "inherit"] });
    await once(counting.stdout, "data");
    hooks.program("pass").testRun({ data: frameOf(64), repeat: 100 });
    const ended = once(counting, "close");
    counting.stdin.end();
    await ended;
    await expectSame(["prog", "show", "pinned", pinOf("pass")]);
    expect(bpftool("prog", "show", "pinned", pinOf("pass")).stdout).toMatch(/gpl run_time_ns \d+ run_cnt 100$/m);
  });
});

describe("links", () => {
  it("are shown alike, of every type that bpftool tells apart, and of one that it does not know", async () => {
    const ifindex = links().find(({ name }) => name === NIC)?.ifindex ?? 0;
    const wanted: Readonly<Record<string, Wanted>> = {
      on_exception: { tracepoint: "xdp_exception" },
      on_typed_exception: { tracepoint: "" },
      each_task: { attachType: BPF_TRACE_ITER, tid: process.pid },
      each_element: { attachType: BPF_TRACE_ITER, map: pinOf("walked") },
      each_cgroup: { attachType: BPF_TRACE_ITER, cgroup, order: BPF_CGROUP_ITER_SELF_ONLY },
      into_cgroup: { attachType: BPF_CGROUP_INET_INGRESS, target: cgroup },
      dissect: { attachType: BPF_FLOW_DISSECTOR, target: "/proc/self/ns/net" },
      at_traffic: { attachType: BPF_TCX_INGRESS, ifindex },
    };
    for (const [program, link] of Object.entries(wanted)) {
      attach(program, link);
      await expectSame(["link", "show", "pinned", linkPin(program)]);
      const { id } = JSON.parse(bpftool("-j", "link", "show", "pinned", linkPin(program)).stdout);
      await expectSame(["link", "show", "id", String(id)]);
    }
    // The dissector is of the namespace, and so among what is seen there.
    expect(bpftool("net", "show").stdout).toMatch(/flow_dissector:\nid \d+/);
    await expectSame(["net", "show"]);
  });
});

describe("hooks of interfaces", () => {
  it("are shown alike: none, XDP in the stack and in the driver, tc", async () => {
    await expectSame(["net", "show", "dev", "lo"]);
    const xdp = (mode: string, ...what: string[]) => ip("link", "set", "dev", NIC, mode, ...what);
    xdp("xdpgeneric", "pinned", pinOf("pass"));
    await expectSame(["net", "show"]);
    xdp("xdpgeneric", "off");
    xdp("xdpdrv", "pinned", pinOf("pass"));
    await expectSame(["net", "show", "dev", NIC]);
    xdp("xdpdrv", "off");

    tc("qdisc", "add", "dev", NIC, "clsact");
    for (const side of ["ingress", "egress"]) {
      tc("filter", "add", "dev", NIC, side, "bpf", "direct-action", "object-pinned", pinOf("at_traffic"));
    }
    tc("qdisc", "add", "dev", NIC, "root", "handle", "1:", "htb");
    tc("class", "add", "dev", NIC, "parent", "1:", "classid", "1:1", "htb", "rate", "1mbit");
    tc("filter", "add", "dev", NIC, "parent", "1:", "bpf", "object-pinned", pinOf("at_traffic"));
    expect(bpftool("net", "show").stdout).toMatch(/clsact\/ingress.*\n.*clsact\/egress/);
    await expectSame(["net", "show"]);
    await expectSame(["net", "show", "dev", NIC]);
    await expectSame(["net", "show", "dev", "lo"]);
  });
});
