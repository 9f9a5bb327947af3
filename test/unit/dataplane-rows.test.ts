import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isV6 } from "../../src/address/index.ts";
import { slotDifference } from "../../src/bpf/bucket-table.ts";
import type { State } from "../../src/control/state.ts";
import type { VmDifference } from "../../src/control/vm-difference.ts";
import { differVms } from "../../src/control/vm-difference.ts";
import { compileRows, vmSlots } from "../../src/dataplane/compile.ts";
import { decodeRows } from "../../src/dataplane/decode.ts";
import type { Indexes } from "../../src/dataplane/indexes.ts";
import { allocateIndexes, INDEX_KINDS, indexedNames, NO_INDEXES } from "../../src/dataplane/indexes.ts";
import type { Observed } from "../../src/dataplane/observe.ts";
import { readLayout } from "../../src/dataplane/programs.ts";
import type { Rows } from "../../src/dataplane/rows.ts";
import { difference, hex } from "../../src/dataplane/rows.ts";
import { keyWords, slotBytes } from "../../src/dataplane/tables.ts";
import { vmDifference } from "../../src/dataplane/vm-changes.ts";
import type { VmSlots } from "../../src/dataplane/vm-shape.ts";
import { VM_TABLES } from "../../src/dataplane/vm-shape.ts";
import type { VmWrites } from "../../src/dataplane/writes.ts";
import { UnumError } from "../../src/errors.ts";
import { validateModel } from "../../src/model/index.ts";
import { PAPER_INTERFACES, stateOn, VM_CAPACITY, VM6_CAPACITY } from "../support/dataplane-models.ts";

const layout = readLayout(join(import.meta.dirname, "../../build/bpf/unum.bpf.o"));
const ENTRIES = { profile: 1024, endpoint: 16384, tenant: 16384, circuit: 16384 };
const state = stateOn(PAPER_INTERFACES);

interface Compiled {
  readonly rows: Rows;
  readonly vms: VmSlots;
  readonly indexes: Indexes;
}

function compile(wanted: State, before?: Compiled): Compiled {
  const indexes = allocateIndexes(wanted.model, before?.indexes ?? NO_INDEXES, ENTRIES);
  const rows = compileRows(layout, {
    state: wanted,
    indexes,
    endpointStates: new Map(),
    groups: before?.rows.groups ?? new Map(),
    groupEntries: 16384,
  });
  return { rows, indexes, vms: vmSlots(layout, wanted.model.tenants.values(), indexes) };
}

const decode = ({ rows, vms }: Pick<Compiled, "rows" | "vms">) =>
  decodeRows(layout, { rows, vms, vmCapacity: VM_CAPACITY, vm6Capacity: VM6_CAPACITY, ports: [] });

/** The kernel's maps have no order: neither do the decoder's inputs. */
function shuffled(rows: Rows): Rows {
  const entries = Object.entries(rows).map(([field, value]) => {
    if (value instanceof Map) return [field, new Map([...value].reverse())];
    return [field, value instanceof Set ? new Set([...value].reverse()) : value];
  });
  return Object.fromEntries(entries) as Rows;
}

test("the states that these tests make are valid but for their ports", () => {
  fc.assert(
    fc.property(state, ({ model }) => {
      const names = [...PAPER_INTERFACES.keys()];
      const interfaces = names.map((name) => ({ name, role: "both", mode: "native" }) as const);
      const problems = validateModel({ ...model, edge: { ...model.edge, interfaces } });
      // Peers at the edge of their network are somebody else's test.
      expect(problems.filter(({ message }) => !/network or broadcast|subnet-router anycast/.test(message))).toEqual([]);
    }),
  );
});

describe("rows", () => {
  test("decode to the state they were compiled from, in any order", () => {
    fc.assert(
      fc.property(state, (wanted) => {
        const compiled = compile(wanted);
        for (const rows of [compiled.rows, shuffled(compiled.rows)]) {
          const decoded = decode({ ...compiled, rows });
          expect(decoded.problems).toEqual([]);
          expect(decoded.state).toEqual(wanted);
          expect(decoded.indexes).toEqual(compiled.indexes);
          const names = [...wanted.model.servers.keys(), ...wanted.model.gateways.keys()];
          const { servers, gateways, profiles } = wanted.model;
          const stateOf = (name: string) => {
            const endpoint = servers.get(name) ?? gateways.get(name);
            if (endpoint?.drained) return "admin_down";
            return profiles.get(endpoint?.profile ?? "")?.bfd === undefined ? "unknown" : "watched";
          };
          expect(decoded.endpointStates).toEqual(new Map(names.map((name) => [name, stateOf(name)])));
        }
      }),
      { numRuns: 300 },
    );
  });

  test("keep a state that was stored by hand", () => {
    fc.assert(
      fc.property(state, fc.constantFrom("up" as const, "stale" as const), (wanted, liveness) => {
        const { servers, gateways } = wanted.model;
        const indexes = allocateIndexes(wanted.model, NO_INDEXES, ENTRIES);
        const names = [...wanted.model.servers.keys(), ...wanted.model.gateways.keys()];
        const endpointStates = new Map(names.map((name) => [name, liveness]));
        const input = { state: wanted, indexes, endpointStates, groups: new Map(), groupEntries: 16384 };
        const decoded = decode({
          rows: compileRows(layout, input),
          vms: vmSlots(layout, wanted.model.tenants.values(), indexes),
        });
        // What the operator took out stays out.
        const drained = new Map([...servers, ...gateways].filter(([, endpoint]) => endpoint.drained));
        const wantedStates = names.map((name) => [name, drained.has(name) ? "admin_down" : liveness] as const);
        expect(decoded.endpointStates).toEqual(new Map(wantedStates));
        expect(decoded.state).toEqual(wanted);
      }),
    );
  });

  test("of the same state from its own indexes are the same bytes", () => {
    fc.assert(
      fc.property(state, (wanted) => {
        const first = compile(wanted);
        const again = compile(wanted, first);
        expect(again).toEqual(first);
      }),
    );
  });

  test("say nothing of an edge before the first apply", () => {
    const edge = new Uint8Array(layout.codec("edge").size);
    const { rows } = compile(fc.sample(state, { numRuns: 1, seed: 1 })[0] as State);
    expect(
      decode({ rows: { ...rows, edge }, vms: { vms4: new Uint8Array(), vms6: new Uint8Array() } }).state,
    ).toBeUndefined();
  });

  test("hold no index of another object, and never the sentinel", () => {
    fc.assert(
      fc.property(state, (wanted) => {
        const { rows, indexes } = compile(wanted);
        const endpoints = new Set(indexes.endpoint.values());
        for (const kind of INDEX_KINDS) {
          const given = [...indexes[kind].values()];
          expect(new Set(given).size).toBe(given.length);
          expect(given.every((index) => index > 0 && index < ENTRIES[kind])).toBe(true);
        }
        for (const map of [rows.profiles, rows.tenants, rows.endpoints, rows.circuits, rows.groups])
          expect(map.has(0)).toBe(false);
        for (const group of rows.groups.values()) {
          const { count, endpoints: via } = layout.decode("route_group", group) as unknown as Group;
          expect(count).toBeGreaterThan(0);
          for (const index of via.slice(0, count)) expect(endpoints.has(index)).toBe(true);
          expect(via.slice(count).every((index) => index === 0)).toBe(true);
        }
      }),
    );
  });

  test("of one prefix in two tenants are two", () => {
    fc.assert(
      fc.property(state, (wanted) => {
        const { rows, vms } = compile(wanted);
        const tenants = [...wanted.model.tenants.values()];
        const own = tenants.flatMap(({ address, address6 }) => [address, address6]).filter((a) => a !== undefined);
        const routes = tenants.reduce((sum, tenant) => sum + tenant.routes.size, own.length);
        expect(rows.routes4.size + rows.routes6.size).toBe(routes);
        const count = vms.vms4.length / 16 + vms.vms6.length / 32;
        expect(count).toBe(tenants.reduce((sum, tenant) => sum + tenant.vms.size, 0));
        expect(rows.attachments.size).toBe(rows.circuits.size);
        expect(rows.sources4.size + rows.sources6.size).toBe(rows.endpoints.size);
      }),
    );
  });
});

interface Group {
  readonly count: number;
  readonly endpoints: readonly number[];
}

describe("indexes", () => {
  test("stay with their names, and are not given to another in the same plan", () => {
    fc.assert(
      fc.property(fc.array(state, { minLength: 2, maxLength: 5 }), (states) => {
        let before: Compiled | undefined;
        for (const wanted of states) {
          const after = compile(wanted, before);
          for (const kind of INDEX_KINDS) {
            const owners = new Map([...(before?.indexes[kind] ?? [])].map(([name, index]) => [index, name]));
            for (const [name, index] of after.indexes[kind]) {
              expect(owners.get(index) ?? name).toBe(name);
              if (before?.indexes[kind].has(name)) expect(before.indexes[kind].get(name)).toBe(index);
            }
            expect(new Set(after.indexes[kind].values()).size).toBe(indexedNames(wanted.model)[kind].length);
          }
          before = after;
        }
      }),
    );
  });

  test("of groups stay while a route has the same endpoints, and no live group is changed", () => {
    fc.assert(
      fc.property(state, state, (a, b) => {
        const before = compile(a);
        const after = compile(b, before);
        for (const [index, group] of after.rows.groups) {
          const old = before.rows.groups.get(index);
          if (old !== undefined) expect(hex(group)).toBe(hex(old));
        }
        const olds = new Set([...before.rows.groups.values()].map(hex));
        for (const { 1: group } of difference(after.rows.groups, before.rows.groups, (x, y) => hex(x) === hex(y)).puts)
          expect(olds.has(hex(group))).toBe(false);
      }),
    );
  });

  const names = (count: number) => {
    const [{ model } = {} as State] = fc.sample(state, { numRuns: 1, seed: 1 });
    const profile = model.profiles.get("default");
    if (profile === undefined) throw new Error("make profiles: the sample has no default");
    const profiles = new Map(Array.from({ length: count }, (_, at) => [`p${at}`, profile]));
    return { ...model, profiles, servers: new Map(), gateways: new Map(), tenants: new Map() };
  };

  test("run out by name and number", () => {
    const entries = { ...ENTRIES, profile: 8 };
    expect(allocateIndexes(names(7), NO_INDEXES, entries).profile.size).toBe(7);
    expect(() => allocateIndexes(names(8), NO_INDEXES, entries)).toThrow(
      expect.objectContaining({
        code: "TABLE_FULL",
        message: "plan profiles: 8 are wanted, the table holds 7; nothing was written",
        remedy: expect.stringContaining("remove 1 of them"),
      }),
    );
  });

  test("that only a removal would free are refused until it is applied", () => {
    const entries = { ...ENTRIES, profile: 8 };
    const profile = new Map([1, 2, 3, 4, 5, 6, 7].map((index) => [`old${index}`, index]));
    expect(() => allocateIndexes(names(1), { ...NO_INDEXES, profile }, entries)).toThrow(
      expect.objectContaining({ code: "TABLE_FULL", remedy: expect.stringContaining("apply the removals first") }),
    );
  });

  test.each([0, 8, 70000])("that no table has, such as %i, are not believed", (index) => {
    const profile = new Map([["p0", index]]);
    const given = allocateIndexes(names(1), { ...NO_INDEXES, profile }, { ...ENTRIES, profile: 8 });
    expect(given.profile.get("p0")).toBe(1);
  });
});

/** Fields of rows whose bytes are read back. */
const SPOILED = [
  "profiles",
  "profileLimits",
  "profileDetails",
  "tenants",
  "tenantLimits",
  "tenantDetails",
  "endpoints",
  "circuits",
  "groups",
  "routes4",
  "routes6",
  "members",
] as const;

/** Tenants of the same name have the same VNI, as nearly all have from one document to the next. */
function withVnisOf({ model: { tenants } }: State, other: State): State {
  const renumbered = [...other.model.tenants].map(
    ([name, tenant], n) => [name, { ...tenant, vni: tenants.get(name)?.vni ?? 1000 + n }] as const,
  );
  return { ...other, model: { ...other.model, tenants: new Map(renumbered) } };
}

test("VMs that differ are found from slots as they are from models", () => {
  // What a writer observes: rows of the one, and indexes that the other keeps.
  fc.assert(
    fc.property(state, state, fc.boolean(), (wanted, other, same) => {
      const present = same ? withVnisOf(wanted, other) : other;
      const before = compile(present);
      const observed = { ...decode(before), vms: before.vms } as unknown as Observed;
      const { indexes, vms } = compile(wanted, before);
      const writes = Object.fromEntries(
        VM_TABLES.map((table) => [
          table,
          {
            ...slotDifference(vms[table], before.vms[table], keyWords(layout, table)),
            slotBytes: slotBytes(layout, table),
          },
        ]),
      ) as VmWrites;
      const found = vmDifference(layout, wanted.model, { indexes, vms: writes }, observed);
      const expected = differVms(wanted.model, present.model);
      const byAddress = ({ changes }: VmDifference) =>
        new Map(changes.map((change) => [`${change.tenant} ${change.address}`, change]));
      expect(byAddress(found)).toEqual(byAddress(expected));
      expect(found.changes.length).toBe(expected.changes.length);
      expect(found.counts).toEqual(expected.counts);
    }),
    { numRuns: 400 },
  );
});

describe("rows that make no sense", () => {
  /** With one of each object. */
  const full = fc.sample(state, { numRuns: 500, seed: 3 }).find(({ model }) => {
    const tenants = [...model.tenants.values()];
    const routes = tenants.flatMap((tenant) => [...tenant.routes.values()]);
    return (
      // The one that is corrupted below.
      tenants.flatMap(({ circuits }) => [...circuits.values()])[0]?.address !== undefined &&
      tenants.some(({ circuits, vms }) => circuits.size > 0 && vms.size > 0) &&
      tenants.some(({ vms }) => [...vms.keys()].some(isV6) && ![...vms.keys()].every(isV6)) &&
      routes.some(({ kind }) => kind === "circuit") &&
      routes.some(({ kind }) => kind === "endpoints") &&
      [...model.servers.values()].some(({ standby }) => standby !== undefined)
    );
  });
  if (full === undefined) throw new Error("sample a state: none has one of each object");

  const nameOf = (kind: string, index: number) =>
    hex(layout.encode("name_key", { kind: layout.number("object_kind", `OBJECT_KIND_${kind}`), index }));

  test.each([
    ["profile", "PROFILE", "profiles"],
    ["endpoint", "ENDPOINT", "endpoints"],
    ["tenant", "TENANT", "tenants"],
    ["circuit", "CIRCUIT", "circuits"],
  ] as const)("because a %s has lost its name are problems", (kind, objectKind, field) => {
    const { rows, vms, indexes } = compile(full);
    for (const [name, index] of indexes[kind]) {
      const left = new Map(rows.names);
      expect(left.delete(nameOf(objectKind, index)), name).toBe(true);
      const { problems, state: decoded } = decode({ rows: { ...rows, names: left }, vms });
      expect(problems.join("\n")).toContain(`${kind} ${index} has no name`);
      expect(decoded).toBeDefined();
    }
    expect(rows[field].size).toBeGreaterThan(0);
  });

  test("because what they refer to is gone are problems, each by its place", () => {
    const compiled = compile(full);
    const { rows } = compiled;
    const without = (change: Partial<Rows>) => decode({ ...compiled, rows: { ...rows, ...change } }).problems;
    expect(without({ tenants: new Map() })).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^vms4 172\.16\.0\.\d: VNI \d+ is no tenant's$/),
        expect.stringMatching(/^vms6 2001:db8:16::\d: VNI \d+ is no tenant's$/),
        expect.stringMatching(/^routes4 .*: VNI \d+ is no tenant's$/),
        expect.stringMatching(/^circuits\[\d+\]: VNI \d+ is no tenant's$/),
        expect.stringMatching(/^members: VNI \d+ is no tenant's$/),
      ]),
    );
    expect(without({ groups: new Map() })).toEqual(
      expect.arrayContaining([expect.stringMatching(/^routes4 [\d./]+: route group \d+ is empty$/)]),
    );
  });

  test.each([
    [
      "a circuit's prefix length",
      "circuits",
      "circuit_record",
      { prefix_length: 33 },
      /circuits\[\d+\]: prefix length 33/,
    ],
    [
      "a circuit's IPv6 prefix length",
      "circuits",
      "circuit_record",
      { prefix_length6: 129, address6: [1, 0, 0, 0] },
      /circuits\[\d+\]: prefix length 129/,
    ],
    ["a circuit's tag", "circuits", "circuit_record", { vlan: 5, tag: 0x800 }, /circuits\[\d+\]: tag 0x800/],
    ["a tunnel's family", "endpoints", "tunnel", { family: 5 }, /endpoints\[\d+\]: family 5/],
    ["a tenant's policy", "tenants", "tenant", { policy: 0 }, /tenants\[\d+\]: policy 0/],
    ["a tenant's source check", "tenants", "tenant", { source_check: 9 }, /tenants\[\d+\]: source check 9/],
    ["a tenant's sentinel check", "tenants", "tenant", { source_check: 0 }, /tenants\[\d+\]: source check 0/],
    ["an endpoint's kind", "endpoints", "endpoint", { kind: 7 }, /endpoints\[\d+\]: kind 7/],
    ["an endpoint's state", "endpoints", "endpoint", { state: 77 }, /endpoints\[\d+\]: state 77/],
    ["a route's kind", "routes4", "route", { kind: 5 }, /routes4 [\d./]+: kind 5/],
    ["a group's count", "groups", "route_group", { count: 60000 }, /routes4 [\d./]+: route group \d+ counts 60000/],
    ["a profile's encapsulation", "profiles", "profile", { encapsulation: 200 }, /profiles\[\d+\]: encapsulation 200/],
    [
      "an endpoint's standby",
      "endpoints",
      "endpoint",
      { standby: 4000 },
      /endpoints\[\d+\]: endpoint 4000 has no name/,
    ],
    ["a tunnel's profile", "endpoints", "tunnel", { profile: 999 }, /endpoints\[\d+\]: profile 999 has no name/],
  ] as const)("because of %s are problems, and the rest is read", (_, field, struct, change, problem) => {
    const compiled = compile(full);
    const corrupt = (bytes: Uint8Array) =>
      layout.encode(struct, { ...(layout.decode(struct, bytes) as object), ...change } as never);
    const rows = new Map<unknown, unknown>(compiled.rows[field] as ReadonlyMap<unknown, unknown>);
    const endpointsRoute = [...rows].find(([, row]) => field !== "routes4" || (row as Uint8Array)[0] === 1);
    const [key, row] = endpointsRoute ?? [];
    if (row instanceof Uint8Array) rows.set(key, corrupt(row));
    else {
      const { word, record } = row as { word: Uint8Array; record: Uint8Array };
      const inWord = struct === "endpoint" || struct === "tenant";
      rows.set(key, { word: inWord ? corrupt(word) : word, record: inWord ? record : corrupt(record) });
    }
    const decoded = decode({ ...compiled, rows: { ...compiled.rows, [field]: rows } });
    expect(decoded.problems.join("\n")).toMatch(problem);
    expect(decoded.state).toBeDefined();
  });

  test("because of anything at all never throw", () => {
    const noise = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 63 }), fc.nat({ max: 255 })), {
      minLength: 1,
      maxLength: 12,
    });
    fc.assert(
      fc.property(state, noise, (wanted, changes) => {
        const compiled = compile(wanted);

        const rows: Record<string, unknown> = { ...compiled.rows };
        for (const field of SPOILED) {
          let at = 0;
          const entries = [...(compiled.rows[field] as ReadonlyMap<unknown, unknown>)].map(([key, row]) => {
            const spoil = (bytes: Uint8Array) => {
              const copy = bytes.slice();
              for (const [nth, offset, byte] of changes) if (nth % 4 === at % 4) copy[offset % copy.length] = byte;
              return copy;
            };
            at++;
            if (row instanceof Uint8Array) return [key, spoil(row)];
            const { word, record } = row as { word: Uint8Array; record: Uint8Array };
            return [key, { word: spoil(word), record: spoil(record) }];
          });
          rows[field] = new Map(entries as [unknown, unknown][]);
        }
        const spoilKeys = ([key, value]: readonly [string, unknown]) => {
          const bytes = Buffer.from(key, "hex");
          for (const [nth, offset, byte] of changes) if (nth % 3 === 0) bytes[offset % bytes.length] = byte;
          return [bytes.toString("hex"), value] as const;
        };
        for (const field of ["routes4", "routes6", "members"] as const)
          rows[field] = new Map([...(rows[field] as ReadonlyMap<string, unknown>)].map(spoilKeys));
        rows.names = new Map([...compiled.rows.names].map(spoilKeys));
        const spoilSlots = (slots: Uint8Array) => {
          const copy = slots.slice();
          for (const [nth, offset, byte] of changes)
            if (copy.length > 0) copy[(nth * 64 + offset) % copy.length] = byte;
          return copy;
        };
        const vms = { vms4: spoilSlots(compiled.vms.vms4), vms6: spoilSlots(compiled.vms.vms6) };
        try {
          const decoded = decode({ rows: rows as unknown as Rows, vms });
          for (const problem of decoded.problems) expect(typeof problem).toBe("string");
        } catch (thrown) {
          throw thrown instanceof UnumError ? new Error(`it threw ${thrown.code}: ${thrown.message}`) : thrown;
        }
      }),
      { numRuns: 400 },
    );
  });
});
