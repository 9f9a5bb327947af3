// An inventory of VMs: a line of JSON for each, for millions. Lines of the common shape become records at once; any other is
// read as the document is, by the same shapes and with the same words for what is wrong.

import type { IpAddress } from "../address/index.ts";
import type { Model, NamePool, Vm, VmSet } from "../model/index.ts";
import { isPlainRecord, NO_VMS, ownAddresses, suggestion, VmSetBuilder, vmProblems } from "../model/index.ts";
import { decodeText } from "./file.ts";
import { ByteNames, LineParser } from "./inventory-line.ts";
import type { DocumentProblem } from "./problem.ts";
import { COLLECTED_MAX, DocumentError } from "./problem.ts";
import { Reader } from "./reader.ts";
import * as shapes from "./shapes.ts";
import type { Plain } from "./tree.ts";
import { Tree } from "./tree.ts";

/** The document that an inventory belongs to. */
export interface InventoryTarget {
  /** Without the VMs of any inventory. */
  readonly model: Model;
  /** Whether a section or an object of it could not be read. */
  readonly unread: (...path: string[]) => boolean;
  readonly servers: NamePool;
  /** By tenant. VMs are added to these. */
  readonly vms: Map<string, VmSetBuilder>;
}

export interface InventoryOptions {
  /** For the problems' places. */
  readonly file: string;
  /** Tenant of all lines, which need not name it. */
  readonly tenant?: string | undefined;
}

interface TenantTarget {
  readonly name: string;
  readonly builder: VmSetBuilder;
  /** What the document itself has. */
  readonly inline: VmSet;
  readonly taken: ReadonlyMap<IpAddress, string>;
}

const EXPECTED = 'a line such as {"tenant":"acme","address":"172.16.0.5","server":"s1","mac":"02:00:00:00:00:05"}';

export class InventoryReader {
  readonly problems: DocumentProblem[] = [];
  /** VMs that were added. */
  vms = 0;
  #line = 0;
  readonly #target: InventoryTarget;
  readonly #file: string;
  readonly #tenant: TenantTarget | undefined;
  readonly #tenants: readonly TenantTarget[];
  readonly #tenantNames: ByteNames;
  readonly #serverNames: ByteNames;
  /** Numbers of servers in the records, by their place in the model. */
  readonly #servers: readonly number[];
  readonly #parser = new LineParser();

  constructor(target: InventoryTarget, { file, tenant }: InventoryOptions) {
    this.#target = target;
    this.#file = file;
    this.#tenants = [...target.model.tenants].map(([name, object]) => {
      const builder = target.vms.get(name) ?? new VmSetBuilder(target.servers);
      target.vms.set(name, builder);
      return { name, builder, inline: object.vms, taken: ownAddresses(object) };
    });
    this.#tenant = this.#tenants.find(({ name }) => name === tenant);
    this.#tenantNames = new ByteNames(target.model.tenants.keys());
    this.#serverNames = new ByteNames(target.model.servers.keys());
    this.#servers = [...target.model.servers.keys()].map((name) => target.servers.number(name));
  }

  get full(): boolean {
    return this.problems.length >= COLLECTED_MAX;
  }

  /** Reads a line, without its end. */
  line(bytes: Uint8Array, from: number, to: number): void {
    this.#line++;
    if (!this.#takes(bytes, from, to)) this.#look(bytes.subarray(from, to));
  }

  /** A line that is longer than any that means something. */
  overlong(limit: number): void {
    this.#line++;
    this.#add(1, "", `the line has more than ${limit} bytes, expected ${EXPECTED}`);
  }

  #takes(bytes: Uint8Array, from: number, to: number): boolean {
    const parser = this.#parser;
    if (!parser.parse(bytes, from, to)) return false;
    const { record, addressWords, tenantFrom, tenantTo } = parser;
    const named =
      tenantTo === tenantFrom ? undefined : this.#tenants[this.#tenantNames.find(bytes, tenantFrom, tenantTo)];
    const tenant = this.#tenant ?? named;
    if (tenant === undefined || (this.#tenant !== undefined && tenantTo > tenantFrom && named !== tenant)) return false;
    const server = this.#serverNames.find(bytes, parser.serverFrom, parser.serverTo);
    if (server < 0 || !isPlainRecord(record, 0, addressWords)) return false;
    // Addresses of its own are few, and so are VMs of tenants that have many.
    if (tenant.taken.size > 0 && this.#isTaken(tenant, record, addressWords)) return false;
    if (tenant.inline.size > 0 && tenant.inline.positionOf(record, 0, addressWords) >= 0) return false;
    record[addressWords + 2] = this.#servers[server] as number;
    if (!tenant.builder.addRecord(record, addressWords)) return false;
    this.vms++;
    return true;
  }

  readonly #takenRecords = new Map<TenantTarget, VmSet>();

  #isTaken(tenant: TenantTarget, record: Uint32Array, addressWords: 1 | 4): boolean {
    let taken = this.#takenRecords.get(tenant);
    if (taken === undefined) {
      const builder = new VmSetBuilder();
      const nobody = { server: "", mac: "00:00:00:00:00:00" as Vm["mac"] };
      for (const address of tenant.taken.keys()) builder.add(address, nobody);
      taken = builder.build();
      this.#takenRecords.set(tenant, taken);
    }
    return taken.positionOf(record, 0, addressWords) >= 0;
  }

  /** Reads a line that is not of the common shape, or that has something wrong with it. */
  #look(bytes: Uint8Array): void {
    let text: string;
    try {
      text = decodeText(bytes, this.#file);
    } catch (thrown) {
      if (!(thrown instanceof DocumentError)) throw thrown;
      for (const { column, message } of thrown.problems) this.#add(column, "", message);
      return;
    }
    if (this.#line === 1 && text.startsWith("\ufeff")) text = text.slice(1);
    if (text.trim() === "") return;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (thrown) {
      const { message } = thrown as Error;
      const position = /at position (\d+)/.exec(message)?.[1];
      const column = position === undefined ? (/end of JSON/.test(message) ? text.length : 0) : Number(position);
      this.#add(column + 1, "", `it is not JSON, expected ${EXPECTED}`);
      return;
    }
    const read = this.#tenant === undefined ? shapes.inventoryVm : shapes.inventoryVmOfTenant;
    const result = hasDoubleKeys(text, value) ? undefined : read.safeParse(value);
    const line = result?.success === true ? result.data : this.#readTree(text, read);
    if (line !== undefined) this.#addVm(text, line);
  }

  /** What the tree of the YAML library makes of a line, which knows the place of everything in it. */
  #readTree(text: string, shape: typeof shapes.inventoryVm | typeof shapes.inventoryVmOfTenant) {
    let tree: Tree;
    let plain: Plain;
    try {
      tree = new Tree(text, this.#file);
      plain = tree.plain();
    } catch (thrown) {
      if (!(thrown instanceof DocumentError)) throw thrown;
      this.#take(thrown.problems);
      return undefined;
    }
    const line = new Reader(tree).object("line", shape, plain, []);
    this.#take(tree.problems);
    return tree.problems.length > 0 ? undefined : line;
  }

  #addVm(text: string, line: { tenant?: string | undefined; address: IpAddress } & PartialPolicy): void {
    const { tenant: named, address, server, mac, policy } = line;
    const problem = (field: string, message: string): void => {
      const tree = new Tree(text, this.#file);
      tree.add([field], message);
      this.#take(tree.problems);
    };
    const tenant = this.#tenant ?? this.#tenants.find(({ name }) => name === named);
    if (tenant === undefined) {
      const name = named as string;
      if (this.#target.unread("tenants", name)) return;
      const hint = suggestion(name, this.#target.model.tenants.keys()) || ", expected one of the document";
      problem("tenant", `no tenant is named ${JSON.stringify(name)}${hint}`);
      return;
    }
    if (named !== undefined && named !== tenant.name) {
      problem("tenant", `${JSON.stringify(named)} given, expected ${JSON.stringify(tenant.name)}, or no tenant`);
      return;
    }
    const vm = policy === undefined ? { server, mac } : { server, mac, policy };
    const found = vmProblems(this.#target, tenant.name, address, vm, tenant.taken);
    for (const { path, message } of found) problem(path[4] ?? "address", message);
    if (found.length > 0) return;
    const inline = tenant.inline.has(address);
    if (!inline && tenant.builder.add(address, vm)) {
      this.vms++;
      return;
    }
    const where = inline ? "in the document" : "in an earlier line";
    problem("address", `${address} is a VM of ${tenant.name} ${where} already, expected it once`);
  }

  #take(problems: readonly DocumentProblem[]): void {
    for (const { column, path, message } of problems) this.#add(column, path, message);
  }

  #add(column: number, path: string, message: string): void {
    if (!this.full) this.problems.push({ file: this.#file, line: this.#line, column, path, message });
  }
}

type PartialPolicy = Pick<Vm, "server" | "mac"> & { policy?: Vm["policy"] | undefined };

/** JSON.parse keeps the last of equal keys. Each key and value of an object of texts has two quotes. */
function hasDoubleKeys(text: string, value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const texts = Object.values(value).filter((each) => typeof each === "string").length;
  const quotes = text.replace(/\\./g, "").split('"').length - 1;
  return quotes !== 2 * (Object.keys(value).length + texts);
}

/** The model with the VMs that were added. */
export function withVms(model: Model, vms: ReadonlyMap<string, VmSetBuilder>): Model {
  const tenants = [...model.tenants].map(([name, tenant]) => {
    const set = vms.get(name)?.build() ?? NO_VMS;
    return [name, set.size === tenant.vms.size ? tenant : Object.freeze({ ...tenant, vms: set })] as const;
  });
  return Object.freeze({ ...model, tenants: new Map(tenants) });
}
