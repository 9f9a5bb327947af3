// The rows: which program stands at the port, on which frames, and against what it is held.

import { basename } from "node:path";
import { type Frames, frameBytes } from "./chain.ts";
import type { Duty } from "./edges.ts";
import type { LookupProgram } from "./lookups.ts";
import { isPlain, MIXES, type Mix, mixName, mixTitle, PLAIN, tunnelBytes } from "./mixes.ts";
import { FRAME_BYTES } from "./plan.ts";

export interface RowPlan {
  readonly name: string;
  readonly title: string;
  readonly frames: Frames;
  /** Bytes of a frame that arrives. */
  readonly arrivingBytes: number;
  readonly vms: number;
  /** The row that its cost is above. */
  readonly over?: string;
  /** The kernel's row that does the same. */
  readonly kernel?: string;
  /** Left out of --quick. */
  readonly full?: boolean;
  readonly subject:
    | { readonly kind: "bare"; readonly program: "bare_transmit" | "bare_redirect" }
    | { readonly kind: "kernel"; readonly tunnels: KernelTunnels }
    | { readonly kind: "lookup"; readonly program: LookupProgram }
    | {
        readonly kind: "unum";
        readonly duty: Duty;
        readonly capacity: number;
        readonly object?: string;
        readonly mix?: Mix;
      };
}

/** How the kernel is told of tunnels: one route, a device for each server and a route for each VM, or a program at tc. */
export type KernelTunnels = "unnumbered" | "numbered" | "tunnel-key";

const THOUSAND = 1000;
const MILLION = 1_000_000;
/** As a document has it that does not say (src/model). */
const DEFAULT_CAPACITY = MILLION;

const INNER: Frames = { form: "inner", mix: PLAIN };
const TUNNEL: Frames = { form: "tunnel", mix: PLAIN };

function encapsulate(name: string, vms: number, more: Partial<RowPlan> = {}, duty: Duty = "encapsulate"): RowPlan {
  return {
    name,
    title: duty === "encapsulate" ? "unum encapsulates, redirects" : "unum encapsulates, sends back",
    frames: INNER,
    arrivingBytes: frameBytes(TUNNEL),
    vms,
    over: "redirect",
    kernel: "kernel-encapsulate",
    subject: { kind: "unum", duty, capacity: Math.max(DEFAULT_CAPACITY, vms) },
    ...more,
  };
}

function decapsulate(name: string, vms: number, more: Partial<RowPlan> = {}): RowPlan {
  return {
    name,
    title: "unum decapsulates, redirects",
    frames: TUNNEL,
    arrivingBytes: FRAME_BYTES,
    vms,
    over: "redirect-tunnel",
    kernel: "kernel-decapsulate",
    subject: { kind: "unum", duty: "decapsulate", capacity: Math.max(DEFAULT_CAPACITY, vms) },
    ...more,
  };
}

function bare(name: string, title: string, frames: Frames, program: "bare_transmit" | "bare_redirect"): RowPlan {
  return { name, title, frames, arrivingBytes: frameBytes(frames), vms: THOUSAND, subject: { kind: "bare", program } };
}

/** The VM counts that tables are compared at, and how a row's name ends. */
const SIZES: readonly (readonly [suffix: string, vms: number])[] = [
  ["", THOUSAND],
  ["-60k", 60_000],
  ["-1m", MILLION],
  ["-4m", 4 * MILLION],
];

const LOOKUPS: readonly (readonly [name: string, program: LookupProgram, title: string])[] = [
  ["buckets", "lookup_buckets", "redirect after a lookup: buckets"],
  ["pages", "lookup_pages", "redirect after a lookup: /24 pages"],
  ["hash", "lookup_hash", "redirect after a lookup: hash map"],
];

function lookups(): readonly RowPlan[] {
  return LOOKUPS.flatMap(([name, program, title]) =>
    SIZES.map(([suffix, vms]) => ({
      ...{ name: `${name}${suffix}`, title, frames: INNER, arrivingBytes: FRAME_BYTES, vms, over: "redirect" },
      ...{ full: true, subject: { kind: "lookup", program } as const },
    })),
  );
}

function kernel(name: string, title: string, tunnels: KernelTunnels, vms: number, full = true): RowPlan {
  return {
    ...{ name, title, frames: INNER, arrivingBytes: frameBytes(TUNNEL), vms, over: "redirect", full },
    subject: { kind: "kernel", tunnels },
  };
}

/** What --quick encapsulates, too: each format, and each family outside and inside. */
const QUICK_MIXES = new Set(["vxlan66", "geneve44", "nvgre44"]);

/** Every other mix, both ways, each with what it is held against: its own frames, redirected. */
function mixed(mix: Mix): readonly RowPlan[] {
  const [name, title] = [mixName(mix), mixTitle(mix)];
  const inner: Frames = { form: "inner", mix };
  const tunnel: Frames = { form: "tunnel", mix };
  const subject = { kind: "unum", capacity: DEFAULT_CAPACITY, mix } as const;
  return [
    { ...bare(`redirect-${name}`, title, tunnel, "bare_redirect"), full: true },
    {
      ...{ name: `encapsulate-${name}`, title, frames: inner, arrivingBytes: FRAME_BYTES + tunnelBytes(mix) },
      ...{ vms: THOUSAND, over: mix.inner === 4 ? "redirect" : "redirect-inner6", full: !QUICK_MIXES.has(name) },
      subject: { ...subject, duty: "encapsulate" },
    },
    {
      ...{ name: `decapsulate-${name}`, title, frames: tunnel, arrivingBytes: FRAME_BYTES },
      ...{ vms: THOUSAND, over: `redirect-${name}`, full: true },
      subject: { ...subject, duty: "decapsulate" },
    },
  ];
}

export const ROWS: readonly RowPlan[] = [
  bare("transmit", "bare XDP_TX", INNER, "bare_transmit"),
  bare("redirect", "bare redirect", INNER, "bare_redirect"),
  bare("redirect-tunnel", "bare redirect, tunnel frames", TUNNEL, "bare_redirect"),
  encapsulate("encapsulate-back", THOUSAND, { over: "transmit" }, "encapsulate-back"),
  ...SIZES.map(([suffix, vms]) =>
    encapsulate(`encapsulate${suffix}`, vms, { full: vms !== THOUSAND && vms !== MILLION }),
  ),
  ...SIZES.map(([suffix, vms]) => decapsulate(`decapsulate${suffix}`, vms, { full: vms !== THOUSAND })),
  bare(
    "redirect-inner6",
    "bare redirect, IPv6 frames",
    { form: "inner", mix: { ...PLAIN, inner: 6 } },
    "bare_redirect",
  ),
  ...MIXES.filter((mix) => !isPlain(mix)).flatMap(mixed),
  ...lookups(),
  kernel("kernel-encapsulate", "kernel, unnumbered tunnel", "unnumbered", THOUSAND, false),
  {
    ...{ name: "kernel-decapsulate", title: "kernel decapsulates, forwards", frames: TUNNEL, vms: THOUSAND },
    ...{ arrivingBytes: FRAME_BYTES, over: "redirect-tunnel" },
    subject: { kind: "kernel", tunnels: "unnumbered" },
  },
  kernel("kernel-numbered", "kernel, a VXLAN device per server", "numbered", THOUSAND),
  kernel("kernel-numbered-60k", "kernel, a VXLAN device per server", "numbered", 60_000),
  kernel("kernel-tc", "tc BPF, kernel's VXLAN device", "tunnel-key", THOUSAND),
  kernel("kernel-tc-60k", "tc BPF, kernel's VXLAN device", "tunnel-key", 60_000),
];

/** Rows that the words name, in full or by a part, and those that they are held against. */
export function selectRows(words: readonly string[], quick: boolean): readonly RowPlan[] {
  const offered = ROWS.filter((row) => !quick || row.full !== true || words.length > 0);
  const wanted = new Set(
    offered.filter((row) => words.length === 0 || words.some((word) => isNamed(row, word))).map((row) => row.name),
  );
  for (const { name, over, kernel } of ROWS) {
    if (!wanted.has(name)) continue;
    for (const other of [over, kernel]) if (other !== undefined) wanted.add(other);
  }
  return ROWS.filter((row) => wanted.has(row.name));
}

/** A word that is the whole name of a row means no other. */
function isNamed({ name }: RowPlan, word: string): boolean {
  return ROWS.some((row) => row.name === word) ? name === word : name.includes(word);
}

/** Each of unum's rows again with other builds of its programs, held against this one. */
export function withBuilds(rows: readonly RowPlan[], objects: readonly string[]): readonly RowPlan[] {
  return rows.flatMap((row) => {
    const { subject, name } = row;
    if (subject.kind !== "unum") return [row];
    const others = objects.map((object): RowPlan => {
      const build = basename(object).replace(/\.bpf\.o$/, "");
      return { ...row, name: `${name}@${build}`, over: name, subject: { ...subject, object } };
    });
    return [row, ...others];
  });
}
