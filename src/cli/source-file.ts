// Changing the document on disk: read, edit, check, replace, apply, with the edge's lock held from the first to the last.

import type { IpAddress } from "../address/index.ts";
import { PinDirectory } from "../dataplane/index.ts";
import type { Edit, Import, ImportOptions, ParsedDocument, StagedInventory } from "../document/index.ts";
import {
  editDocument,
  hasPath,
  parseModel,
  readDocumentFile,
  readImport,
  stageImport,
  stageVmChange,
  writeDocumentFile,
} from "../document/index.ts";
import { applyEdge, loadOptionsOf, planEdge } from "../edge/reconcile.ts";
import type { Vm } from "../model/index.ts";
import { documentRevision } from "../source/file.ts";
import type { CommonOptions, Context } from "./context.ts";
import { say } from "./context.ts";
import { findDaemon, requireFollowed, waitForDaemon } from "./daemon.ts";
import { loadPlane, openPlane, sayApplied, sayNotices, sayWaited } from "./edge.ts";
import { Progress } from "./progress.ts";
import { count } from "./render.ts";
import type { SourceOptions } from "./source.ts";
import { changedSource } from "./source.ts";

/** For another writer to finish. */
const LOCK_WAIT_MS = 10_000;

/** The state as it will be, and what makes it so. */
interface Changed extends ParsedDocument {
  /** Of the document. */
  readonly text: string;
  readonly write: () => void;
}

type Change = (progress: Progress) => Changed & Disposable;

const NOTHING = { [Symbol.dispose]: () => {} };

/**
 * Makes the change in what the file says, and in the maps; the file is replaced when the change is valid and fits. The maps follow
 * at once: by the daemon of these pins if there is one, else by this process.
 */
async function carryOutChange(context: Context, options: CommonOptions, change: Change): Promise<void> {
  const started = performance.now();
  using progress = new Progress(context);
  const daemon = await findDaemon(options.pinDir);
  if (daemon !== undefined) {
    requireFollowed(daemon, options.state, options.pinDir);
    const { revision, notices } = await writeChecked(context, options, change, progress);
    progress.phase("waiting for the daemon");
    // Whoever names an object means what happens to it, however few others there are. The whole revision is allowed with it.
    const waited = await waitForDaemon(daemon, revision, { allowMassDelete: true });
    progress.end();
    if (options.json !== true) sayNotices(context, options.state, notices);
    sayWaited(context, options, waited, started);
    return;
  }
  // Tables that do not exist yet are made for what the document says, and only for one that is right.
  const loaded = new PinDirectory(options.pinDir).isLoaded();
  const plane = loadPlane(context, options, loaded ? undefined : firstOptions(change, progress));
  try {
    using changed = change(progress);
    progress.phase("comparing");
    const plan = await planEdge(plane, changed.model, context);
    changed.write();
    if (options.json !== true) sayNotices(context, options.state, changed.notices);
    progress.phase("writing");
    const applied = applyEdge(plane, plan);
    if (applied.failure !== undefined) throw applied.failure;
    progress.end();
    sayApplied(context, options, applied, started);
  } finally {
    plane.close();
  }
}

/**
 * Writes what changed while nobody else does, if it fits. The maps are looked at only: they, and the exchange of programs, are the
 * daemon's.
 */
async function writeChecked(context: Context, options: CommonOptions, change: Change, progress: Progress) {
  const pins = new PinDirectory(options.pinDir);
  const lock = pins.lock(LOCK_WAIT_MS);
  try {
    using changed = change(progress);
    if (pins.isLoaded()) {
      const plane = openPlane(context, options);
      try {
        await planEdge(plane, changed.model, { resolveMs: 0 });
      } finally {
        plane.close();
      }
    }
    changed.write();
    return { revision: documentRevision(changed), notices: changed.notices };
  } finally {
    lock?.close();
  }
}

function firstOptions(change: Change, progress: Progress): ReturnType<typeof loadOptionsOf> {
  using changed = change(progress);
  return loadOptionsOf(changed.model);
}

/** What a change makes of a file; one that was wrong before is told as that, by the places that it has. */
function orOldProblems<T>(file: string, change: () => T): T {
  try {
    return change();
  } catch (thrown) {
    parseModel(readDocumentFile(file), file);
    throw thrown;
  }
}

function ofEdits(file: string, edits: readonly Edit[], progress: Progress): Changed & Disposable {
  const text = readDocumentFile(file);
  return orOldProblems(file, () => {
    const changed = editDocument(text, file, edits);
    const write = (): void => {
      if (changed !== text) writeDocumentFile(file, changed);
    };
    return { ...parseModel(changed, file, { progress: progress.reader() }), text: changed, write, ...NOTHING };
  });
}

function ofInventory(file: string, staged: StagedInventory, progress: Progress): Changed & Disposable {
  try {
    return orOldProblems(file, () => ({
      ...parseModel(staged.text, file, { inventory: staged.staged, progress: progress.reader() }),
      text: staged.text,
      write: () => staged.commit(),
      [Symbol.dispose]: () => staged[Symbol.dispose](),
    }));
  } catch (thrown) {
    staged[Symbol.dispose]();
    throw thrown;
  }
}

/**
 * Changes one object in the document and in the maps. The document is replaced only after the changed one is valid, and fits
 * into the tables; the maps follow at once: by the daemon of these pins if there is one, else by this process.
 */
export async function changeSource(context: Context, given: SourceOptions, edits: readonly Edit[]): Promise<void> {
  const source = await changedSource(given);
  if (source.kind === "etcd") {
    const { changeInEtcd } = await import("./source-etcd.ts");
    return changeInEtcd(context, given, source, edits);
  }
  const file = source.path;
  const options = { ...given, state: file };
  return carryOutChange(context, options, (progress) => {
    const inventory = inventoryEdit(file, edits);
    return inventory === undefined ? ofEdits(file, edits, progress) : ofInventory(file, inventory, progress);
  });
}

/** The change of a VM that the inventory has; undefined when it is the document that has it, or nobody. */
function inventoryEdit(file: string, edits: readonly Edit[]): StagedInventory | undefined {
  const [edit, ...more] = edits;
  if (edit === undefined || more.length > 0) return undefined;
  const [section, tenant = "", kind, address = ""] = edit.path;
  if (section !== "tenants" || kind !== "vms") return undefined;
  const text = readDocumentFile(file);
  if (hasPath(text, file, edit.path) || !hasPath(text, file, ["vmInventory"])) return undefined;
  const old = parseModel(text, file)
    .model.tenants.get(tenant)
    ?.vms.get(address as IpAddress);
  if (old === undefined) return undefined;
  if (edit.op === "delete") return stageVmChange(file, tenant, address as IpAddress, undefined);
  const { server, mac, policy } = { ...old, ...(edit.value as Partial<Vm>) };
  const vm = policy === undefined ? { server, mac } : { server, mac, policy };
  return stageVmChange(file, tenant, address as IpAddress, vm);
}

/** Brings VMs of a file into the document's inventory and the maps: all of them, or none. */
export async function importVms(
  context: Context,
  given: SourceOptions,
  wanted: ImportOptions & { readonly replace: boolean },
): Promise<void> {
  const source = await changedSource(given);
  if (source.kind === "etcd") {
    const { importIntoEtcd } = await import("./publish.ts");
    return importIntoEtcd(context, given, source, wanted);
  }
  const file = source.path;
  const options = { ...given, state: file };
  // Standard input can be read once.
  let read: Import | undefined;
  return carryOutChange(context, options, (progress) => {
    read ??= readImport(file, { ...wanted, progress: progress.bytes("reading") });
    const staged = stageImport(file, read, wanted.replace);
    const changed = ofInventory(file, staged, progress);
    const write = (): void => {
      changed.write();
      if (options.json !== true) say(context, `${staged.inventory}: ${count(staged.vms, "VM")} imported`);
    };
    return { ...changed, write, [Symbol.dispose]: () => changed[Symbol.dispose]() };
  });
}
