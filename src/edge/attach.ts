// Attaching a port, with proof: before the port's program takes over, neighbours are asked for their MACs through the port, and
// what comes back tells whether both directions of its driver work.

import type { Conversation, Fault, Plane, PortAction, PortProbe } from "../dataplane/index.ts";
import { attachPort, faultText, findFaults } from "../dataplane/index.ts";
import type { Model, PortConfig } from "../model/index.ts";
import type { PeerQuestion } from "../netlink/index.ts";
import { askPeer, isUp, portQuestions, readInterfaces, solicitation } from "../netlink/index.ts";

/**
 * What a new port was seen to do:
 * `works`: an answer came to what was sent as the packet path sends;
 * `receives`: frames come in; nothing shows that what XDP sends arrives;
 * `cannot-send`: an answer came only to what the stack sent;
 * `silent`: nothing came;
 * `down`: its link is down.
 */
export type ProofResult = "works" | "receives" | "cannot-send" | "silent" | "down";

export interface Proof {
  readonly result: ProofResult;
  /** Neighbours that were asked. */
  readonly asked: readonly string[];
}

export interface AttachedPort {
  readonly name: string;
  readonly action: PortAction;
  /** Of a port that was attached anew. */
  readonly proof?: Proof;
  /** What is in the way of its packets. */
  readonly faults: readonly Fault[];
}

/** How long each way of sending waits for an answer, and how long a port is looked at where there is nobody to ask. */
const ANSWER_MS = 150;
const LOOK_MS = 50;
const POLL_MS = 5;

/** The port's program waits for the end of this: nothing else is to be done meanwhile. */
function sleepSync(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** Whether an answer came in time. */
function answered(probe: PortProbe, waitMs: number): boolean {
  for (let waited = 0; waited < waitMs; waited += POLL_MS) {
    if (probe.seen.answers > 0) return true;
    sleepSync(POLL_MS);
  }
  return probe.seen.answers > 0;
}

/** Sends what can be sent; a port that refuses a frame is as silent as one that loses it. */
function sendAll(questions: readonly PeerQuestion[], send: (question: PeerQuestion) => void): void {
  for (const question of questions) {
    try {
      send(question);
    } catch {
      return;
    }
  }
}

/** At most 300 ms: first as the packet path sends, then as the stack does, to tell one direction from the other. */
export function prove(probe: PortProbe, config: PortConfig, questions: readonly PeerQuestion[]): ProofResult {
  const silent = (): ProofResult => (probe.seen.frames > 0 ? "receives" : "silent");
  if (questions.length === 0) {
    answered(probe, LOOK_MS);
    return silent();
  }
  if (config.mode === "native") {
    sendAll(questions, (question) => probe.send(solicitation(question)));
    if (answered(probe, ANSWER_MS)) return "works";
  }
  sendAll(questions, askPeer);
  if (!answered(probe, ANSWER_MS)) return silent();
  // Where XDP runs in the stack, the stack sends for it.
  return config.mode === "native" ? "cannot-send" : "works";
}

/**
 * Attaches a port, and proves it if it is new. A port that proves nothing is attached all the same.
 * @param model what the edge is, for the peers of its circuits
 * @throws UnumError INTERFACE_MISSING, INTERFACE_UNFIT, FOREIGN_PROGRAM, PERMISSION
 */
export function attachProven(plane: Plane, config: PortConfig, model: Model | undefined): AttachedPort {
  const { name } = config;
  let proof: Proof | undefined;
  const converse: Conversation = (probe) => {
    const port = readInterfaces().get(name);
    const questions = port === undefined ? [] : portQuestions(model, name, port);
    const asked = questions.map(({ peer }) => peer);
    proof = { result: isUp(name) ? prove(probe, config, questions) : "down", asked };
  };
  const action = attachPort(plane, config, converse);
  if (action !== "attached") return { name, action, faults: [] };
  return { name, action, ...(proof === undefined ? {} : { proof }), faults: findFaults(name, config.mode) };
}

function proofText(name: string, { result, asked }: Proof): string | undefined {
  const whom = asked.length > 3 ? `${asked.slice(0, 3).join(", ")} and ${asked.length - 3} more` : asked.join(", ");
  switch (result) {
    case "works":
      return undefined;
    case "down":
      return `${name} is down: nothing comes or goes before ip link set dev ${name} up`;
    case "cannot-send":
      return `${name} receives, but what XDP sends through it does not arrive: an answer from ${whom} came only to the stack`;
    case "receives":
      return asked.length === 0
        ? undefined
        : `${name} receives, but nobody answered what XDP sent through it; asked were ${whom}`;
    case "silent":
      return asked.length === 0
        ? `${name}: nothing shows yet that packets reach it: nobody was there to ask, and nothing came`
        : `${name}: no packet reached it, though ${whom} had been asked for an answer`;
  }
}

/** What the operator should know of a port that was attached, a line each. */
export function portNotices({ name, proof, faults }: AttachedPort): string[] {
  const text = proof && proofText(name, proof);
  return [...(text === undefined ? [] : [text]), ...faults.map(faultText)];
}
