// A named packet: where it comes in, and all that it may do: its verdict, the bytes that leave, and every counter that moves.

import type { Packet } from "./packet-builder.ts";
import { get16 } from "./packet-bytes.ts";
import { frameDifference, frameText } from "./packet-dissect.ts";
import type { EdgeUnderTest, Headroom, Run, Verdict } from "./packet-edge.ts";
import type { PortName, Role } from "./packet-world.ts";

/** A frame that leaves, and the counters of its way: endpoint and tenant as "s1/acme". */
export interface Sent {
  readonly verdict: "tx" | "redirect";
  readonly frame: Packet;
  readonly tx?: string;
}

export type Ending =
  | { readonly kind: "passed" }
  | {
      readonly kind: "dropped";
      readonly reason: string;
      readonly sent?: Sent & { readonly as: "icmpErrors" | "solicitations" };
    }
  | ({ readonly kind: "forwarded" | "answered" } & Sent);

export interface Fixture {
  readonly name: string;
  readonly role: Role;
  readonly port: PortName;
  readonly input: Packet;
  readonly end: Ending;
  /** Endpoint and tenant that are counted as its origin, as "s1/acme": only of what passed every check of a tunnel packet. */
  readonly rx?: string;
  readonly headroom?: Headroom;
  /** Changes the tables first; what it returns undoes that. */
  readonly arrange?: (edge: EdgeUnderTest) => () => void;
  /** Looks at the tables afterwards; a problem, if there is one. */
  readonly after?: (edge: EdgeUnderTest) => string | undefined;
}

/** Length of the IP packet inside of a tunnel frame, as its own header says. */
export function innerBytes(frame: Uint8Array): number {
  const outer6 = get16(frame, 12) === 0x86dd;
  const at = 14 + (outer6 ? 40 : 20);
  const protocol = frame[outer6 ? 20 : 23];
  const isGeneve = protocol === 17 && get16(frame, at + 2) >= 6081 && get16(frame, at + 2) <= 6084;
  const options = isGeneve ? 4 * ((frame[at + 8] as number) & 63) : 0;
  const inner = at + (protocol === 17 ? 16 : 8) + options + 14;
  return get16(frame, inner - 2) === 0x86dd ? 40 + get16(frame, inner + 4) : get16(frame, inner + 2);
}

function expectedMoves(fixture: Fixture, input: Uint8Array, run: Run): Map<string, number> {
  const { end } = fixture;
  const moves = new Map([
    ["packets.received", 1],
    [`packets.${end.kind}`, 1],
  ]);
  const sent = end.kind === "dropped" ? end.sent : end.kind === "passed" ? undefined : end;
  if (end.kind === "dropped") {
    moves.set(`drops.${end.reason}.packets`, 1);
    moves.set(`drops.${end.reason}.bytes`, input.length);
    if (end.sent !== undefined) moves.set(`packets.${end.sent.as}`, 1);
  }
  const traffic = (path: string | undefined, direction: "rx" | "tx", frame: Uint8Array): void => {
    if (path === undefined) return;
    const [endpoint, tenant] = path.split("/");
    moves.set(`endpoints.${endpoint}.${direction}Packets`, 1);
    moves.set(`endpoints.${endpoint}.${direction}Bytes`, frame.length);
    moves.set(`tenants.${tenant}.${direction}Packets`, 1);
    moves.set(`tenants.${tenant}.${direction}Bytes`, innerBytes(frame));
  };
  traffic(sent?.tx, "tx", run.frame);
  traffic(fixture.rx, "rx", input);
  return moves;
}

function expectedVerdict(end: Ending): Verdict {
  if (end.kind === "passed") return "pass";
  if (end.kind === "dropped") return end.sent?.verdict ?? "drop";
  return end.verdict;
}

function movesText(moves: ReadonlyMap<string, number>): string {
  return [...moves]
    .map(([path, by]) => `${path} +${by}`)
    .sort()
    .join(", ");
}

function judge(fixture: Fixture, input: Uint8Array, run: Run): string[] {
  const problems: string[] = [];
  const verdict = expectedVerdict(fixture.end);
  if (run.verdict !== verdict) problems.push(`the verdict is ${run.verdict}, expected ${verdict}`);
  const [have, want] = [movesText(run.moves), movesText(expectedMoves(fixture, input, run))];
  if (have !== want) problems.push(`counters that moved:\n  ${have}\nexpected\n  ${want}`);
  // What is dropped may be in any shape: nobody sees it.
  const { end } = fixture;
  const frame = end.kind === "passed" ? input : (end.kind === "dropped" ? end.sent : end)?.frame.bytes(run.frame);
  const difference = frame === undefined ? undefined : frameDifference(run.frame, frame);
  if (difference !== undefined) problems.push(`the frame differs:\n${difference}\nit is\n${frameText(run.frame)}`);
  return problems;
}

/** Runs a fixture; undefined: all was as it should be. */
export function fixtureProblem(edge: EdgeUnderTest, fixture: Fixture): string | undefined {
  edge.forget();
  const undo = fixture.arrange?.(edge);
  try {
    const input = fixture.input.bytes();
    edge.counters.moves();
    const run = edge.run(fixture.role, fixture.port, input, fixture.headroom);
    const problems = judge(fixture, input, run);
    const after = fixture.after?.(edge);
    if (after !== undefined) problems.push(after);
    if (problems.length === 0) return undefined;
    return [`${fixture.name}: ${problems.join("\n")}`, "input:", frameText(input)].join("\n");
  } finally {
    undo?.();
  }
}

export const passed: Ending = { kind: "passed" };

export function dropped(reason: string): Ending {
  return { kind: "dropped", reason };
}

/** Into the tunnel of an endpoint: `path` is "s1/acme". */
export function tunneled(path: string, frame: Packet, verdict: Sent["verdict"] = "redirect"): Ending {
  return { kind: "forwarded", verdict, frame, tx: path };
}

export function delivered(frame: Packet, verdict: Sent["verdict"] = "redirect"): Ending {
  return { kind: "forwarded", verdict, frame };
}

/** Onto the circuit that the request came from, or into the tunnel `tx`. */
export function answered(frame: Packet, verdict: Sent["verdict"], tx?: string): Ending {
  return { kind: "answered", verdict, frame, ...(tx === undefined ? {} : { tx }) };
}

/** Dropped, and a frame of the edge's own left in its place. */
export function refused(
  reason: string,
  frame: Packet,
  {
    as = "icmpErrors",
    verdict = "redirect",
    tx,
  }: Partial<Omit<Sent, "frame">> & { as?: "icmpErrors" | "solicitations" } = {},
): Ending {
  return { kind: "dropped", reason, sent: { as, verdict, frame, ...(tx === undefined ? {} : { tx }) } };
}

/** Endpoints get a state for the time of a fixture. */
export function states(changes: Readonly<Record<string, "up" | "stale" | "admin_down">>) {
  return (edge: EdgeUnderTest) => {
    for (const [name, state] of Object.entries(changes)) edge.setState(name, state);
    return () => {
      for (const name of Object.keys(changes)) edge.setState(name, "unknown");
    };
  };
}
