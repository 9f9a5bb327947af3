// Changes of an inventory: a new file is written beside it, line by line, and takes its place when all of it is right.

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { IpAddress } from "../address/index.ts";
import type { Model, Vm } from "../model/index.ts";
import { NamePool, recordAddress, suggestion, VmSet, VmSetBuilder } from "../model/index.ts";
import { buildModel } from "./build.ts";
import { editDocument } from "./edit.ts";
import { readDocumentFile, withRegularFile } from "./file.ts";
import { InventoryReader, type InventoryTarget } from "./inventory.ts";
import { eachLine } from "./inventory-file.ts";
import { LineParser } from "./inventory-line.ts";
import { readLines } from "./inventory-read.ts";
import { DocumentError, invalidDocument } from "./problem.ts";
import { Reader } from "./reader.ts";
import * as shapes from "./shapes.ts";
import { Tree } from "./tree.ts";
import { type StagedFile, stageFile } from "./write.ts";

/** Of an inventory that a document gets with its first import, beside the document. */
const FIRST_NAME = "vms.ndjson";
/** Of lines that are written at once. */
const CHUNK_CHARACTERS = 1 << 20;

export interface ImportOptions {
  /** File of lines, or a descriptor that gives them. */
  readonly from: string | number;
  /** Tenant of all lines, which need not name it. */
  readonly tenant?: string | undefined;
  readonly progress?: ((bytes: number) => void) | undefined;
}

/** Lines that have been read. */
export interface Import {
  readonly tenant: string | undefined;
  readonly sets: ReadonlyMap<string, VmSet>;
  readonly vms: number;
}

/** A changed inventory that waits beside the old one. */
export interface StagedInventory extends Disposable {
  /** Of the document as it will be. */
  readonly text: string;
  /** Path of the inventory, and where the changed one is now. */
  readonly inventory: string;
  readonly staged: string;
  /** VMs that were given. */
  readonly vms: number;
  /** The inventory is replaced; then the document, if it did not name one. */
  commit(): void;
}

/** The document without its inventory. */
interface Bare {
  readonly file: string;
  readonly text: string;
  readonly model: Model;
  readonly reader: Reader;
}

function readBare(file: string): Bare {
  const text = readDocumentFile(file);
  const tree = new Tree(text.startsWith("\ufeff") ? text.slice(1) : text, file);
  const reader = new Reader(tree);
  const model = buildModel(reader, tree.plain());
  if (model === undefined || tree.problems.length > 0) throw invalidDocument(file, tree.problems);
  return { file, text, model, reader };
}

/**
 * Reads VMs that are to come into the document's inventory.
 * @throws DocumentError DOCUMENT_INVALID with the places of what is wrong with the document or the lines, OBJECT_MISSING
 * for a tenant that the document does not have, DOCUMENT_UNREADABLE
 */
export function readImport(file: string, options: ImportOptions): Import {
  const { model, reader } = readBare(file);
  return readVms(model, options, reader.isUnread.bind(reader));
}

/**
 * Reads VMs for tenants and servers of a model.
 * @param unread whether an object is left out of the model since it is wrong, which is told elsewhere
 * @throws DocumentError as {@link readImport}
 */
export function readVms(
  model: Model,
  { from, tenant, progress }: ImportOptions,
  unread: InventoryTarget["unread"] = () => false,
): Import {
  if (tenant !== undefined && !model.tenants.has(tenant)) {
    const hint = suggestion(tenant, model.tenants.keys());
    throw new DocumentError("OBJECT_MISSING", `import VMs: no tenant is named ${JSON.stringify(tenant)}${hint}`, {
      remedy: "name a tenant that is there: unum show tenants lists those of this edge",
    });
  }
  const vms = new Map<string, VmSetBuilder>();
  const shown = typeof from === "number" ? "standard input" : from;
  const lines = new InventoryReader({ model, servers: new NamePool(), vms, unread }, { file: shown, tenant });
  if (typeof from === "number") readLines(lines, from, progress);
  else withRegularFile(from, (fd) => readLines(lines, fd, progress));
  if (lines.problems.length > 0) throw invalidDocument(shown, lines.problems);
  const sets = new Map([...vms].map(([name, builder]) => [name, builder.build()]));
  return { tenant, sets, vms: lines.vms };
}

/**
 * Adds VMs to the document's inventory, in the place of those with the same address.
 * @param replace VMs of the inventory that were not read go: of the tenant, or all of them
 * @throws DocumentError DOCUMENT_INVALID, DOCUMENT_UNREADABLE, DOCUMENT_UNWRITABLE
 */
export function stageImport(file: string, { tenant, sets, vms }: Import, replace: boolean): StagedInventory {
  const keep: Keep = (of, record, addressWords) => {
    if (replace && (tenant === undefined || of === tenant)) return false;
    return (sets.get(of)?.positionOf(record, 0, addressWords) ?? -1) < 0;
  };
  return stage(readBare(file), keep, sets, vms);
}

/** Sets or, without `vm`, deletes one VM that the inventory has. */
export function stageVmChange(file: string, tenant: string, address: IpAddress, vm: Vm | undefined): StagedInventory {
  const bare = readBare(file);
  const builder = new VmSetBuilder();
  if (vm !== undefined) builder.add(address, vm);
  const keep: Keep = (of, record, addressWords) => of !== tenant || recordAddress(record, 0, addressWords) !== address;
  return stage(bare, keep, new Map([[tenant, builder.build()]]), vm === undefined ? 0 : 1);
}

type Keep = (tenant: string, record: Uint32Array, addressWords: 1 | 4) => boolean;

function stage(
  { file, text, reader }: Bare,
  keep: Keep,
  added: ReadonlyMap<string, VmSet>,
  vms: number,
): StagedInventory {
  const inventory = join(dirname(file), reader.inventory ?? FIRST_NAME);
  const first = reader.inventory === undefined;
  if (first && existsSync(inventory)) {
    throw new DocumentError("DOCUMENT_UNWRITABLE", `write ${inventory}: it exists, and ${file} does not name it`, {
      remedy: `write "vmInventory: ${FIRST_NAME}" into the document, or move that file out of the way`,
    });
  }
  const changed = first ? editDocument(text, file, [{ op: "set", path: ["vmInventory"], value: FIRST_NAME }]) : text;
  const output = stageFile(inventory, first ? file : inventory);
  try {
    if (!first) withRegularFile(inventory, (fd) => copyLines(fd, keep, output));
    for (const [tenant, set] of added) writeLines(tenant, set, output);
  } catch (thrown) {
    output[Symbol.dispose]();
    throw thrown;
  }
  return {
    text: changed,
    inventory,
    staged: output.path,
    vms,
    commit: () => {
      // A document never names an inventory that is not there.
      output.commit();
      if (!first) return;
      using document = stageFile(file, file);
      document.write(changed);
      document.commit();
    },
    [Symbol.dispose]: () => output[Symbol.dispose](),
  };
}

/** Copies the lines that are to be kept, as they are; empty ones go. */
function copyLines(fd: number, keep: Keep, output: StagedFile): void {
  const parser = new LineParser();
  const wanted = (bytes: Buffer, from: number, to: number): boolean => {
    if (parser.parse(bytes, from, to)) {
      return keep(bytes.toString("latin1", parser.tenantFrom, parser.tenantTo), parser.record, parser.addressWords);
    }
    return isKept(bytes.toString("utf8", from, to), keep);
  };
  let kept: Buffer[] = [];
  let held = 0;
  const flush = (): void => {
    output.write(Buffer.concat(kept));
    [kept, held] = [[], 0];
  };
  // Lines that are kept are often neighbours: they are copied together.
  let [start, end] = [0, 0];
  let of: Buffer | undefined;
  const take = (): void => {
    if (of === undefined || end === start) return;
    kept.push(Buffer.from(of.subarray(start, end)), NEWLINE);
    held += end - start;
    [start, end] = [0, 0];
    if (held > CHUNK_CHARACTERS) flush();
  };
  eachLine(fd, {
    line: (bytes, from, to) => {
      of = bytes;
      if (!wanted(bytes, from, to)) return true;
      if (end > start && from === end + 1) end = to;
      else {
        take();
        [start, end] = [from, to];
      }
      return true;
    },
    overlong: () => {
      throw new DocumentError("DOCUMENT_INVALID", "copy the inventory: a line is too long; unum check tells which");
    },
    // What the buffer holds is about to change.
    progress: take,
  });
  take();
  flush();
}

const NEWLINE = Buffer.from("\n");

/** Of a line that is written in another way. One that cannot be read is kept: whoever reads the result says what is wrong. */
function isKept(text: string, keep: Keep): boolean {
  const line = text.replace(/^\ufeff/, "").trim();
  if (line === "") return false;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return true;
  }
  const read = shapes.inventoryVm.safeParse(value);
  if (!read.success) return true;
  const { tenant, address, server, mac } = read.data;
  const { packed4, packed6 } = VmSet.of([[address, { server, mac }]]);
  return packed4.count === 1 ? keep(tenant, packed4.words, 1) : keep(tenant, packed6.words, 4);
}

function writeLines(tenant: string, vms: VmSet, output: StagedFile): void {
  let text = "";
  for (const [address, { server, mac, policy }] of vms) {
    const more = policy === undefined ? "" : `,"policy":"${policy}"`;
    text += `{"tenant":"${tenant}","address":"${address}","server":"${server}","mac":"${mac}"${more}}\n`;
    if (text.length < CHUNK_CHARACTERS) continue;
    output.write(text);
    text = "";
  }
  output.write(text);
}
