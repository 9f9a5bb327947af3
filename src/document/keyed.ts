// Objects under keys, as etcd has them: put and deleted one at a time, and a model of all that are right. One that is wrong is
// kept out and named by its key; the rest goes on.

import { isDeepStrictEqual } from "node:util";
import type { IpAddress, IpPrefix } from "../address/index.ts";
import type { Edge, Model, RecordTest, VmPut } from "../model/index.ts";
import {
  capacityMax,
  countVms,
  isPlainRecord,
  NamePool,
  NO_VMS,
  recordAddress,
  writeAddress,
  writeRecord,
} from "../model/index.ts";
import { ByteNames, LineParser } from "./inventory-line.ts";
import { BadKeys, keyText } from "./keyed-bad.ts";
import type { ObjectPath } from "./keyed-key.ts";
import { parseKey } from "./keyed-key.ts";
import type { KeptOut, Report } from "./keyed-report.ts";
import { reportOf } from "./keyed-report.ts";
import type { Settled } from "./keyed-settle.ts";
import { settle } from "./keyed-settle.ts";
import type { Slot, Slots } from "./keyed-slots.ts";
import { TenantSlots } from "./keyed-slots.ts";
import type { Kind, Values } from "./keyed-value.ts";
import { kindOf, readValue, VALUE_BYTES_MAX } from "./keyed-value.ts";
import type { Notice } from "./problem.ts";

export type { KeptOut } from "./keyed-report.ts";

export interface KeyedObjectsOptions {
  /** What all keys begin with, such as `/unum/v1/`; it ends in a slash. */
  readonly prefix: string;
  /**
   * What the maps show: an object whose value is bad has the value that it has there, if no good one came. Looked at until
   * the first build.
   */
  readonly known?: Model | undefined;
}

export type Step =
  | { readonly kind: "nothing" }
  | { readonly kind: "vms"; readonly changes: readonly VmPut[] }
  | { readonly kind: "whole" };

export interface BuiltObjects {
  readonly model: Model;
  /** What values say and this version does not do. */
  readonly notices: readonly Notice[];
  /** In the order of the keys, at most a thousand. */
  readonly keptOut: readonly KeptOut[];
  readonly keptOutCount: number;
}

/** VMs that a step names: more of them are not done sooner one by one. */
const STEP_VMS_MAX = 65_536;

/** Names that a pool may have beyond those in use before it is made anew. */
const UNUSED_NAMES_MAX = 4096;

const TENANTS = Buffer.from("tenants/");
const VMS = Buffer.from("/vms/");
const SLASH = 47;

interface NamedTenant {
  readonly name: string;
  readonly slots: TenantSlots;
}

export class KeyedObjects {
  readonly #prefix: string;
  readonly #prefixBytes: number;
  readonly #slots: Slots = { profiles: new Map(), servers: new Map(), gateways: new Map(), tenants: new Map() };
  /** VMs that cannot be read, and keys of no object. A VM may have its last good value in its tenant's slots. */
  readonly #bad = new BadKeys();
  #known: Model | undefined;
  /** Servers by number. Sets of VMs that were built share it, and who compares them may add to it. */
  #names = new NamePool();
  /** The same names by their bytes, and the number of each. */
  #serverNames = new ByteNames([]);
  #serverNumbers: number[] = [];
  #tenants: NamedTenant[] = [];
  #tenantNames = new ByteNames([]);
  readonly #parser = new LineParser();
  #settled: Settled | undefined;
  /** Which VMs of a tenant are in the model that was built last. */
  readonly #tests = new Map<string, RecordTest>();
  /** VMs in the model by family, and how many the edge has room for. */
  #count = { vms: 0, vms6: 0 };
  #room = { vms: 0, vms6: 0 };
  /** Whether more than VMs changed. */
  #whole = true;
  /** VMs that changed, by tenant and address. */
  readonly #changed = new Map<string, { readonly tenant: NamedTenant; readonly address: IpAddress }>();
  #report: Report | undefined;

  constructor({ prefix, known }: KeyedObjectsOptions) {
    if (!prefix.endsWith("/")) throw new TypeError(`the prefix ${JSON.stringify(prefix)} does not end in a slash`);
    this.#prefix = prefix;
    this.#prefixBytes = Buffer.byteLength(prefix);
    this.#known = known;
  }

  /** Keys, good or bad. */
  get size(): number {
    const { profiles, servers, gateways, tenants } = this.#slots;
    let size = profiles.size + servers.size + gateways.size + this.#bad.size;
    for (const { own, circuits, routes, vms } of tenants.values()) {
      size += (own === undefined ? 0 : 1) + circuits.size + routes.size + vms.size;
    }
    return size;
  }

  /** What is kept out of the model as it is now, in the order of the keys; at most a thousand. */
  get keptOut(): readonly KeptOut[] {
    return this.#reported().keptOut;
  }

  /** How many objects are kept out, or have a value that is not used. */
  get keptOutCount(): number {
    return this.#reported().keptOutCount;
  }

  /** @param key whole, with the prefix */
  put(key: Uint8Array, value: Uint8Array): void {
    if (this.#putPlainVm(key, value)) return;
    const text = keyText(key, this.#prefixBytes);
    const parsed = parseKey(text);
    if (parsed.path === undefined) {
      this.#bad.addStrange(text, parsed.fault);
      this.#report = undefined;
      return;
    }
    const { path } = parsed;
    const kind = kindOf(path);
    if (kind === "vms") this.#putVm(path, text, value);
    else this.#putObject(kind, path, value);
  }

  /** @param key whole; one that is not there is nothing to do for */
  delete(key: Uint8Array): void {
    if (this.#deletePlainVm(key)) return;
    const text = keyText(key, this.#prefixBytes);
    const { path } = parseKey(text);
    if (path === undefined) {
      this.#bad.forgetStrange(text);
      this.#report = undefined;
    } else if (path[2] === "vms") {
      const record = new Uint32Array(7);
      const words = writeAddress(path[3] as IpAddress, record);
      this.#removeVm(this.#tenant(path[1]), record, words, () => text);
    } else this.#deleteObject(path);
  }

  /** What happened since this, or build, was called last: whether the model differs in VMs alone, and in which. */
  step(): Step {
    const settled = this.#settled;
    if (this.#whole || settled === undefined) return { kind: "whole" };
    if (this.#changed.size === 0) return { kind: "nothing" };
    const record = new Uint32Array(7);
    const changes = [...this.#changed.values()].map(({ tenant, address }): VmPut => {
      const words = writeAddress(address, record);
      const test = this.#testOf(tenant.name);
      const isIn = test !== undefined && tenant.slots.vms.test(record, words, test);
      return { tenant: tenant.name, address, to: isIn ? tenant.slots.vms.get(record, words) : undefined };
    });
    this.#changed.clear();
    return { kind: "vms", changes };
  }

  /**
   * The model of all objects that are right, with this edge. Later puts do not change it.
   * @throws DocumentError DOCUMENT_INVALID when the edge itself is wrong, or has no room for the VMs
   */
  build(edge: Edge): BuiltObjects {
    this.#settled = undefined;
    this.#whole = true;
    this.#report = undefined;
    this.#tests.clear();
    this.#changed.clear();
    this.#compact();
    const settled = settle(this.#slots, this.#names, edge);
    this.#settled = settled;
    this.#known = undefined;
    this.#whole = false;
    this.#count = { ...countVms(settled.model) };
    this.#room = { ...capacityMax(edge) };
    return { model: settled.model, notices: noticesOf(this.#slots, settled), ...this.#reported() };
  }

  /** Whether another store has the same objects, and finds the same wrong. */
  sameAs(other: KeyedObjects): boolean {
    if (!this.#bad.sameAs(other.#bad)) return false;
    for (const section of ["profiles", "servers", "gateways"] as const) {
      if (!isDeepStrictEqual(this.#slots[section], other.#slots[section])) return false;
    }
    const nobody = new TenantSlots(new NamePool());
    for (const name of new Set([...this.#slots.tenants.keys(), ...other.#slots.tenants.keys()])) {
      const [mine, theirs] = [this.#slots.tenants.get(name) ?? nobody, other.#slots.tenants.get(name) ?? nobody];
      const same =
        isDeepStrictEqual(mine.own, theirs.own) &&
        isDeepStrictEqual(mine.circuits, theirs.circuits) &&
        isDeepStrictEqual(mine.routes, theirs.routes) &&
        mine.vms.sameAs(theirs.vms);
      if (!same) return false;
    }
    return true;
  }

  #reported(): Report {
    this.#report ??= reportOf({
      prefix: this.#prefix,
      slots: this.#slots,
      bad: this.#bad,
      names: this.#names,
      settled: this.#settled,
    });
    return this.#report;
  }

  /** Takes VMs as nearly everybody writes them, from bytes to a record. */
  #putPlainVm(key: Uint8Array, value: Uint8Array): boolean {
    const from = this.#addressFrom(key);
    if (from < 0 || value.length > VALUE_BYTES_MAX) return false;
    const tenant = this.#tenants[this.#tenantNames.find(key, this.#prefixBytes + TENANTS.length, from - VMS.length)];
    const parser = this.#parser;
    if (tenant === undefined || !parser.parseKeyed(key, from, value)) return false;
    const { record, addressWords } = parser;
    const server = this.#serverNames.find(value, parser.serverFrom, parser.serverTo);
    if (server < 0 || !isPlainRecord(record, 0, addressWords)) return false;
    record[addressWords + 2] = this.#serverNumbers[server] as number;
    this.#setVm(tenant, record, addressWords, () => keyText(key, this.#prefixBytes));
    return true;
  }

  #deletePlainVm(key: Uint8Array): boolean {
    const from = this.#addressFrom(key);
    if (from < 0) return false;
    const tenant = this.#tenants[this.#tenantNames.find(key, this.#prefixBytes + TENANTS.length, from - VMS.length)];
    if (tenant === undefined || !this.#parser.parseAddress(key, from)) return false;
    this.#removeVm(tenant, this.#parser.record, this.#parser.addressWords, () => keyText(key, this.#prefixBytes));
    return true;
  }

  /** Where the address begins in the key of a VM; -1: it is another key. */
  #addressFrom(key: Uint8Array): number {
    const at = this.#prefixBytes;
    for (let n = 0; n < TENANTS.length; n++) if (key[at + n] !== TENANTS[n]) return -1;
    let end = at + TENANTS.length;
    while (end < key.length && key[end] !== SLASH) end++;
    for (let n = 0; n < VMS.length; n++) if (key[end + n] !== VMS[n]) return -1;
    return end + VMS.length;
  }

  #putVm([, name, , address]: ObjectPath, key: string, value: Uint8Array): void {
    const path: ObjectPath = ["tenants", name, "vms", address as string];
    const tenant = this.#tenant(name);
    const { value: vm, problem } = readValue("vms", path, value);
    const record = new Uint32Array(7);
    const put = (good: Values["vms"]): void => {
      this.#learnServer(good.server);
      const words = writeRecord(address as IpAddress, good, this.#names, record);
      this.#setVm(tenant, record, words, () => key);
    };
    if (vm !== undefined) {
      put(vm);
      return;
    }
    const known = this.#known?.tenants.get(name)?.vms.get(address as IpAddress);
    if (known !== undefined && !tenant.slots.vms.hasAddress(address as IpAddress)) put(known);
    const kept = tenant.slots.vms.hasAddress(address as IpAddress);
    this.#bad.addVm(key, { tenant: name, address: address as IpAddress, problem: problem ?? "", kept });
    this.#report = undefined;
  }

  #setVm(tenant: NamedTenant, record: Uint32Array, words: 1 | 4, key: () => string): void {
    const { vms } = tenant.slots;
    const test = this.#testOf(tenant.name);
    const before = test !== undefined && vms.test(record, words, test);
    const changes = vms.put(record, words);
    if (!this.#bad.isEmpty && this.#bad.mendVm(key())) this.#report = undefined;
    if (changes) this.#noteVm(tenant, record, words, before, test?.(record, 0, words) === true);
  }

  #removeVm(tenant: NamedTenant, record: Uint32Array, words: 1 | 4, key: () => string): void {
    const { vms } = tenant.slots;
    const test = this.#testOf(tenant.name);
    const before = test !== undefined && vms.test(record, words, test);
    const removed = vms.remove(record, words);
    if (!this.#bad.isEmpty) {
      this.#bad.forgetVm(key(), removed);
      this.#report = undefined;
    }
    if (removed) this.#noteVm(tenant, record, words, before, false);
  }

  #noteVm(tenant: NamedTenant, record: Uint32Array, words: 1 | 4, before: boolean, after: boolean): void {
    if (this.#whole) {
      this.#report = undefined;
      return;
    }
    if (!before || !after) this.#report = undefined;
    if (!before && !after) return;
    const address = recordAddress(record, 0, words);
    this.#changed.set(`${tenant.name} ${address}`, { tenant, address });
    if (this.#changed.size > STEP_VMS_MAX) this.#leaveSteps();
    if (before === after) return;
    const [family, change] = [words === 1 ? "vms" : "vms6", after ? 1 : -1] as const;
    this.#count[family] += change;
    const count = this.#count[family];
    // What the profiles must leave room for depends on whether there is IPv6 within, and the edge is too small at some number.
    if (count > this.#room[family] || (family === "vms6" && count === (after ? 1 : 0))) this.#leaveSteps();
  }

  /** Until the next build. */
  #leaveSteps(): void {
    this.#whole = true;
    this.#changed.clear();
  }

  #testOf(tenant: string): RecordTest | undefined {
    const filter = this.#settled?.filter;
    if (filter === undefined || this.#whole) return undefined;
    let test = this.#tests.get(tenant);
    if (test === undefined && filter.hasTenant(tenant)) {
      test = filter.of(tenant);
      this.#tests.set(tenant, test);
    }
    return test;
  }

  #putObject(kind: Exclude<Kind, "vms">, path: ObjectPath, bytes: Uint8Array): void {
    const old = this.#slot(path);
    const read = readValue(kind, path, bytes) as ReturnType<typeof readValue<Exclude<Kind, "vms">>>;
    let slot: Slot<unknown>;
    if (read.value !== undefined) slot = { value: read.value, problem: undefined, notices: read.notices };
    else {
      const value = old === undefined ? this.#knownValue(path) : old.value;
      slot = { value, problem: read.problem, notices: old?.notices ?? [] };
    }
    this.#report = undefined;
    const same = old !== undefined && old.value !== undefined && isDeepStrictEqual(slot.value, old.value);
    if (!same || !isDeepStrictEqual(slot.notices, old?.notices)) this.#whole = true;
    if (same && old.problem === slot.problem && isDeepStrictEqual(slot.notices, old.notices)) return;
    // What is kept out is known by its slot.
    if (same && this.#settled?.out.has(old) === true) this.#whole = true;
    this.#setSlot(path, slot);
  }

  #deleteObject(path: ObjectPath): void {
    if (this.#slot(path) === undefined) return;
    this.#setSlot(path, undefined);
    this.#whole = true;
    this.#report = undefined;
  }

  #slot([section, name, of, inner = ""]: ObjectPath): Slot<unknown> | undefined {
    if (section !== "tenants") return this.#slots[section].get(name);
    const tenant = this.#slots.tenants.get(name);
    if (of === undefined) return tenant?.own;
    return of === "circuits" ? tenant?.circuits.get(inner) : tenant?.routes.get(inner as IpPrefix);
  }

  #setSlot([section, name, of, inner = ""]: ObjectPath, slot: Slot<unknown> | undefined): void {
    const set = (map: Map<string, unknown>, key: string): void => {
      if (slot === undefined) map.delete(key);
      else map.set(key, slot);
    };
    if (section !== "tenants") set(this.#slots[section] as Map<string, unknown>, name);
    else {
      const { slots } = this.#tenant(name);
      if (of === undefined) slots.own = slot as TenantSlots["own"];
      else set((of === "circuits" ? slots.circuits : slots.routes) as Map<string, unknown>, inner);
    }
  }

  #knownValue([section, name, of, inner = ""]: ObjectPath): unknown {
    const known = this.#known;
    if (known === undefined || section !== "tenants") return known?.[section].get(name);
    const tenant = known.tenants.get(name);
    if (of === "circuits") return tenant?.circuits.get(inner);
    if (of === "routes") return tenant?.routes.get(inner as IpPrefix);
    return tenant && Object.freeze({ ...tenant, circuits: new Map(), routes: new Map(), vms: NO_VMS });
  }

  #tenant(name: string): NamedTenant {
    const bytes = Buffer.from(name);
    const number = this.#tenantNames.find(bytes, 0, bytes.length);
    if (number >= 0) return this.#tenants[number] as NamedTenant;
    const tenant: NamedTenant = { name, slots: new TenantSlots(this.#names) };
    this.#tenantNames.add(name);
    this.#tenants.push(tenant);
    this.#slots.tenants.set(name, tenant.slots);
    return tenant;
  }

  #learnServer(name: string): void {
    const bytes = Buffer.from(name);
    if (this.#serverNames.find(bytes, 0, bytes.length) >= 0) return;
    this.#serverNumbers[this.#serverNames.add(name)] = this.#names.number(name);
  }

  /** Forgets names of tenants and servers that came and went. */
  #compact(): void {
    if (this.#tenants.some(({ slots }) => slots.isEmpty)) {
      this.#tenants = this.#tenants.filter(({ slots }) => !slots.isEmpty);
      this.#tenantNames = new ByteNames(this.#tenants.map(({ name }) => name));
      this.#slots.tenants.clear();
      for (const { name, slots } of this.#tenants) this.#slots.tenants.set(name, slots);
    }
    const used = new Set<number>();
    for (const { slots } of this.#tenants) for (const server of slots.vms.perServer.keys()) used.add(server);
    if (this.#names.size <= 2 * used.size + UNUSED_NAMES_MAX) return;
    this.#names = new NamePool();
    for (const { slots } of this.#tenants) slots.vms.renumber(this.#names);
    this.#serverNames = new ByteNames([]);
    this.#serverNumbers = [];
  }
}

/** Of the objects that are in the model, in the order of their paths. */
function noticesOf({ profiles, servers, gateways, tenants }: Slots, { out }: Settled): readonly Notice[] {
  const slots: Iterable<Slot<unknown>>[] = [profiles.values(), servers.values(), gateways.values()];
  for (const { own, circuits, routes } of tenants.values()) {
    slots.push(own === undefined ? [] : [own], circuits.values(), routes.values());
  }
  const notices = slots.flatMap((each) => [...each]).flatMap((slot) => (out.has(slot) ? [] : slot.notices));
  return notices.sort((a, b) => (a.path < b.path ? -1 : 1));
}
