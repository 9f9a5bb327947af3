// The tests themselves tested: with any one rule of the packet path broken, some fixture must fail. Each takes a compilation, so
// that a run takes so many, others each time; UNUM_MUTANTS says how many, and UNUM_SEED repeats a choice.

import { afterAll, describe, expect, it } from "vitest";
import { EdgeUnderTest } from "../support/packet-edge.ts";
import { fixtureProblem } from "../support/packet-fixture.ts";
import { FIXTURES } from "../support/packet-fixtures.ts";
import { compileMutant } from "../support/packet-mutant-build.ts";
import { MUTANTS, type Mutant } from "../support/packet-mutants.ts";
import { makePorts } from "../support/packet-ports.ts";
import { Random } from "../support/packet-random.ts";

const SEED = Number(process.env.UNUM_SEED ?? Date.now() % 2 ** 31);
const CHOSEN = choice(MUTANTS, Number(process.env.UNUM_MUTANTS ?? 40));

const ports = makePorts();
// From all over the tables: most mutants are noticed by the first few.
const fixtures = strewn(Object.values(FIXTURES).flat());

function choice<T>(list: readonly T[], count: number): readonly T[] {
  const random = new Random(SEED);
  const left = [...list];
  return Array.from({ length: Math.min(count, left.length) }, () => left.splice(random.below(left.length), 1)[0] as T);
}

function strewn<T>(list: readonly T[]): readonly T[] {
  const step = 797;
  if (list.length % step === 0) throw new Error(`strew ${list.length} fixtures: their number is a multiple of ${step}`);
  return list.map((_, index) => list[(index * step) % list.length] as T);
}

afterAll(() => ports.close());

// One compiles while another runs.
const ahead = 2;
const compiled = new Map<number, ReturnType<typeof compileMutant>>();
function objectOf(index: number): ReturnType<typeof compileMutant> {
  for (let next = index; next < Math.min(index + ahead, CHOSEN.length); next++) {
    if (compiled.has(next)) continue;
    const promise = compileMutant(CHOSEN[next] as Mutant);
    // Whoever asks for it sees the failure.
    promise.catch(() => undefined);
    compiled.set(next, promise);
  }
  return compiled.get(index) as ReturnType<typeof compileMutant>;
}

/** The first fixture that fails. */
function caughtBy(object: string): string | undefined {
  const edge = new EdgeUnderTest(ports, { object });
  try {
    return fixtures.find((fixture) => fixtureProblem(edge, fixture) !== undefined)?.name;
  } finally {
    edge.close();
  }
}

describe(`a fixture fails when (${CHOSEN.length} of ${MUTANTS.length}, seed ${SEED})`, () => {
  for (const [index, mutant] of CHOSEN.entries()) {
    it(mutant.name, async () => {
      const { object, remove } = await objectOf(index);
      try {
        expect(caughtBy(object), `no fixture notices that ${mutant.name} (bpf/${mutant.file})`).toBeDefined();
      } finally {
        remove();
      }
    });
  }
});
