// The rows: which program stands at the port, on which frames, and against what it is held.

import { basename, join } from "node:path";
import type { BpfProgram } from "../src/bpf/program.ts";
import type { Plane } from "../src/dataplane/index.ts";
import { type Chain, type Frames, frameBytes } from "./chain.ts";
import { buildEdge, type Duty } from "./edges.ts";
import { LookupTables } from "./lookups.ts";
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
    | { readonly kind: "kernel" }
    | { readonly kind: "lookup"; readonly program: "lookup_buckets" | "lookup_hash" }
    | {
        readonly kind: "unum";
        readonly duty: Duty;
        readonly capacity: number;
        readonly object?: string;
        readonly mix?: Mix;
      };
}

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
    subject: { kind: "unum", duty: "decapsulate", capacity: DEFAULT_CAPACITY },
    ...more,
  };
}

function bare(name: string, title: string, frames: Frames, program: "bare_transmit" | "bare_redirect"): RowPlan {
  return { name, title, frames, arrivingBytes: frameBytes(frames), vms: THOUSAND, subject: { kind: "bare", program } };
}

function lookup(name: string, vms: number, program: "lookup_buckets" | "lookup_hash"): RowPlan {
  const title = program === "lookup_hash" ? "redirect after a lookup: hash map" : "redirect after a lookup: buckets";
  return {
    ...{ name, title, frames: INNER, arrivingBytes: FRAME_BYTES, vms, over: "redirect", full: true },
    subject: { kind: "lookup", program },
  };
}

/** Those of --quick: each format, each family outside and inside, at least once beside the plain one. */
const QUICK_MIXES = new Set(["vxlan46", "vxlan64", "geneve44", "geneve66", "nvgre44"]);

/** Every other mix, both ways, each with what it is held against: its own frames, redirected. */
function mixed(mix: Mix): readonly RowPlan[] {
  const [name, title, full] = [mixName(mix), mixTitle(mix), !QUICK_MIXES.has(mixName(mix))];
  const inner: Frames = { form: "inner", mix };
  const tunnel: Frames = { form: "tunnel", mix };
  const subject = { kind: "unum", capacity: DEFAULT_CAPACITY, mix } as const;
  return [
    { ...bare(`redirect-${name}`, title, tunnel, "bare_redirect"), full },
    {
      ...{ name: `encapsulate-${name}`, title, frames: inner, arrivingBytes: FRAME_BYTES + tunnelBytes(mix) },
      ...{ vms: THOUSAND, over: mix.inner === 4 ? "redirect" : "redirect-inner6", full },
      subject: { ...subject, duty: "encapsulate" },
    },
    {
      ...{ name: `decapsulate-${name}`, title, frames: tunnel, arrivingBytes: FRAME_BYTES },
      ...{ vms: THOUSAND, over: `redirect-${name}`, full },
      subject: { ...subject, duty: "decapsulate" },
    },
  ];
}

export const ROWS: readonly RowPlan[] = [
  bare("transmit", "bare XDP_TX", INNER, "bare_transmit"),
  bare("redirect", "bare redirect", INNER, "bare_redirect"),
  bare("redirect-tunnel", "bare redirect, tunnel frames", TUNNEL, "bare_redirect"),
  encapsulate("encapsulate-back", THOUSAND, { over: "transmit" }, "encapsulate-back"),
  encapsulate("encapsulate", THOUSAND),
  encapsulate("encapsulate-60k", 60_000, { full: true }),
  encapsulate("encapsulate-1m", MILLION),
  encapsulate("encapsulate-4m", 4 * MILLION, { full: true }),
  decapsulate("decapsulate", THOUSAND),
  decapsulate("decapsulate-1m", MILLION, { full: true }),
  bare(
    "redirect-inner6",
    "bare redirect, IPv6 frames",
    { form: "inner", mix: { ...PLAIN, inner: 6 } },
    "bare_redirect",
  ),
  ...MIXES.filter((mix) => !isPlain(mix)).flatMap(mixed),
  lookup("buckets", THOUSAND, "lookup_buckets"),
  lookup("buckets-4m", 4 * MILLION, "lookup_buckets"),
  lookup("hash", THOUSAND, "lookup_hash"),
  lookup("hash-4m", 4 * MILLION, "lookup_hash"),
  {
    ...{ name: "kernel-encapsulate", title: "kernel encapsulates, forwards", frames: INNER, vms: THOUSAND },
    ...{ arrivingBytes: frameBytes(TUNNEL), over: "redirect", subject: { kind: "kernel" } },
  },
  {
    ...{ name: "kernel-decapsulate", title: "kernel decapsulates, forwards", frames: TUNNEL, vms: THOUSAND },
    ...{ arrivingBytes: FRAME_BYTES, over: "redirect-tunnel", subject: { kind: "kernel" } },
  },
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

/** A row that is ready to run. */
export interface Row {
  readonly plan: RowPlan;
  /** Undefined: no program, the stack forwards. */
  readonly program: BpfProgram | undefined;
  readonly plane?: Plane;
}

/** Makes tables and programs for the rows. `progress` is told what takes long. */
export function prepareRows(chain: Chain, plans: readonly RowPlan[], progress: (text: string) => void): readonly Row[] {
  const lookups = new Map<number, LookupTables>();
  return plans.map((plan): Row => {
    const { subject, name, vms } = plan;
    if (subject.kind === "kernel") return { plan, program: undefined };
    if (subject.kind === "bare") return { plan, program: chain.object.program(subject.program) };
    progress(`${name}: ${vms.toLocaleString("en")} VMs`);
    if (subject.kind === "lookup") {
      const tables = lookups.get(vms) ?? new LookupTables(chain, vms);
      lookups.set(vms, tables);
      return { plan, program: tables.program(subject.program) };
    }
    const { kind, ...edge } = subject;
    // Names in bpffs have no dot.
    const { plane } = buildEdge(chain, join("/sys/fs/bpf", name.replaceAll(".", "-")), { ...edge, vms });
    return { plan, plane, program: plane.program(edge.duty === "decapsulate" ? "underlay" : "access") };
  });
}
