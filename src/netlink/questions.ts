// Frames that somebody at a port should answer: questions for the MACs of its circuits' peers, and of the neighbours that the
// kernel knows there.

import type { IpAddress } from "../address/index.ts";
import { isV6, macIsZero, parseIp, parseMac, prefixAddress } from "../address/index.ts";
import { addresses, neighbours } from "../bpf/rtnetlink.ts";
import type { Interface } from "../control/state.ts";
import type { Model } from "../model/index.ts";
import type { PeerQuestion } from "./solicit.ts";

/** More than these tell nothing new. */
const QUESTIONS_MAX = 16;

/** Of the peers of circuits on a port. */
function circuitQuestions(model: Model, name: string, port: Interface): PeerQuestion[] {
  const questions: PeerQuestion[] = [];
  for (const { circuits } of model.tenants.values()) {
    for (const circuit of circuits.values()) {
      if (circuit.interface !== name) continue;
      const { address, peer, address6, peer6 } = circuit;
      const ask = { ...port, tags: circuit };
      if (address !== undefined && peer !== undefined)
        questions.push({ ...ask, address: prefixAddress(address), peer });
      if (address6 !== undefined && peer6 !== undefined)
        questions.push({ ...ask, address: prefixAddress(address6), peer: peer6 });
    }
  }
  return questions;
}

/** Of neighbours that answered the kernel before: next hops of endpoints are among them, once they are resolved. */
function neighbourQuestions(port: Interface): PeerQuestion[] {
  const own = addresses().filter(({ ifindex }) => ifindex === port.ifindex);
  const questions: PeerQuestion[] = [];
  for (const { ifindex, address, mac, state } of neighbours()) {
    // What needs no answer gets none: groups, and entries made by hand.
    if (ifindex !== port.ifindex || mac === undefined || state === "noarp" || state === "permanent") continue;
    if (macIsZero(parseMac(mac))) continue;
    const peer = parseIp(address);
    const linkLocal = (candidate: string): boolean => candidate.startsWith("fe80:");
    const from = own.find((candidate) => {
      return candidate.family === (isV6(peer) ? 6 : 4) && linkLocal(candidate.address) === linkLocal(address);
    });
    if (from !== undefined) questions.push({ ...port, tags: {}, address: parseIp(from.address), peer });
  }
  return questions;
}

/** What to ask at a port. Nothing is known of an edge before its first apply. */
export function portQuestions(model: Model | undefined, name: string, port: Interface): readonly PeerQuestion[] {
  const asked = new Set<IpAddress>();
  const all = [...(model === undefined ? [] : circuitQuestions(model, name, port)), ...neighbourQuestions(port)];
  return all.filter(({ peer }) => !asked.has(peer) && asked.add(peer)).slice(0, QUESTIONS_MAX);
}
