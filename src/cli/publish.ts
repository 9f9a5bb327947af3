// Many objects into etcd: a whole document, or VMs of a file.

import type { ImportOptions, KeyedObject } from "../document/index.ts";
import { keyedObjectsOf, keyedVms, loadDocument, readVms } from "../document/index.ts";
import type { Present } from "../source/etcd-present.ts";
import { readPresent } from "../source/etcd-present.ts";
import type { Publication } from "../source/etcd-publish.ts";
import { carryOut, isVmKey, modelWithoutVms, planPublication } from "../source/etcd-publish.ts";
import type { KeptOut } from "../source/source.ts";
import { NOTHING_KEPT_OUT } from "../source/source.ts";
import type { Context } from "./context.ts";
import { say, warn } from "./context.ts";
import { statusOf, waitForDaemon } from "./daemon.ts";
import { sayNotices } from "./edge.ts";
import { Progress } from "./progress.ts";
import { count, json } from "./render.ts";
import type { EtcdChange, SourceOptions } from "./source.ts";
import { withEtcd } from "./source-etcd.ts";

/** Keys that are listed, of a publication that is only looked at. */
const LISTED_MAX = 1000;

export interface PublishOptions extends SourceOptions {
  readonly allowMassDelete?: true;
  readonly dryRun?: true;
}

/** What etcd is to hold, and which of the other keys go. */
interface Wanted {
  readonly objects: Iterable<KeyedObject>;
  readonly prune: (key: string) => boolean;
}

/** Makes what etcd holds equal to a document, but for its edge. */
export async function publishDocument(
  context: Context,
  options: PublishOptions,
  change: EtcdChange,
  fileName: string,
): Promise<void> {
  using progress = new Progress(context);
  const { text, model, notices } = loadDocument(fileName, { progress: progress.reader() });
  if (options.json !== true) sayNotices(context, fileName, notices);
  const { prefix } = change.address;
  const objects = keyedObjectsOf({ prefix, text, fileName, model });
  await publish(context, options, change, progress, () => ({ objects, prune: () => true }));
}

/** Puts VMs of a file into etcd. */
export async function importIntoEtcd(
  context: Context,
  options: SourceOptions,
  change: EtcdChange,
  { replace, ...from }: ImportOptions & { readonly replace: boolean },
): Promise<void> {
  using progress = new Progress(context);
  const { prefix } = change.address;
  // Whoever asks for VMs to be replaced means those that go.
  const meant = replace ? { ...options, allowMassDelete: true as const } : options;
  await publish(context, meant, change, progress, (present) => {
    const model = modelWithoutVms(present, prefix);
    const { sets, tenant } = readVms(model, { ...from, progress: progress.bytes("reading") });
    const below = tenant === undefined ? "tenants/" : `tenants/${tenant}/vms/`;
    return {
      objects: everyVm(prefix, sets),
      prune: (key) => replace && isVmKey(key) && key.startsWith(below),
    };
  });
}

function* everyVm(prefix: string, sets: ReturnType<typeof readVms>["sets"]): Iterable<KeyedObject> {
  for (const [tenant, vms] of sets) yield* keyedVms(prefix, tenant, vms);
}

async function publish(
  context: Context,
  options: PublishOptions,
  { address, daemon }: EtcdChange,
  progress: Progress,
  wantedOf: (present: Present) => Wanted,
): Promise<void> {
  const started = performance.now();
  const { prefix } = address;
  const allowMassDelete = options.allowMassDelete === true;
  await withEtcd(address, async (client) => {
    progress.phase("reading etcd");
    const present = await readPresent(client, prefix);
    const { objects, prune } = wantedOf(present);
    progress.phase("comparing");
    const plan = planPublication(present, prefix, objects, { prune, allowMassDelete });
    const total = plan.puts.length + plan.deletes.length;
    if (options.dryRun === true) {
      progress.end();
      sayDifference(context, options, plan);
      if (total > 0) context.setExit(3);
      return;
    }
    const told = (done: number): void => progress.phase(`writing: ${done} of ${total} keys`);
    const revision = String(await carryOut(client, prefix, plan, { allowMassDelete, told }));
    progress.end();
    const put = { revision, put: plan.puts.length, deleted: plan.deletes.length, unchanged: plan.unchanged };
    if (options.json !== true)
      say(
        context,
        `${count(put.put, "key")} put, ${put.deleted} deleted, ${put.unchanged} as they were: revision ${revision}`,
      );
    progress.phase("waiting for the daemon");
    const waited = daemon && (await waitForDaemon(daemon, revision, { allowMassDelete }));
    progress.end();
    const keptOut = daemon === undefined ? NOTHING_KEPT_OUT : (await statusOf(daemon)).source.keptOut;
    sayPublished(context, options, {
      ...put,
      shown: waited?.revision,
      notices: waited?.notices ?? [],
      keptOut,
      tookMs: Math.round(performance.now() - started),
    });
  });
}

interface Published {
  readonly revision: string;
  readonly put: number;
  readonly deleted: number;
  readonly unchanged: number;
  /** What the maps of this edge show; undefined: nobody follows etcd here. */
  readonly shown: string | undefined;
  readonly notices: readonly string[];
  /** What of etcd this edge does not use. */
  readonly keptOut: KeptOut;
  readonly tookMs: number;
}

function sayPublished(context: Context, options: PublishOptions, published: Published): void {
  const { shown, tookMs, notices, keptOut, ...put } = published;
  if (options.json === true) {
    const here = shown === undefined ? {} : { shown, notices, keptOut };
    json(context, { daemon: shown !== undefined, ...put, ...here, tookMs });
    return;
  }
  for (const notice of notices) warn(context, notice);
  if (keptOut.count > 0)
    warn(context, `${count(keptOut.count, "object")} of etcd not used here: unum status lists them`);
  if (shown === undefined) say(context, `no daemon of ${options.pinDir} is there to follow it; ${tookMs} ms`);
  else say(context, `the maps of this edge show revision ${shown}; ${tookMs} ms`);
}

function sayDifference(context: Context, options: PublishOptions, plan: Publication): void {
  const { puts, deletes, unchanged } = plan;
  const keys = (changes: Publication["puts"]): readonly string[] => changes.slice(0, LISTED_MAX).map(({ key }) => key);
  if (options.json === true) {
    json(context, { puts: puts.length, deletes: deletes.length, unchanged, put: keys(puts), deleted: keys(deletes) });
    return;
  }
  const lines = [
    ...puts.map(({ key, modRevision }) => `${modRevision === 0 ? "+" : "~"} ${key}`),
    ...deletes.map(({ key }) => `- ${key}`),
  ];
  for (const line of lines.slice(0, LISTED_MAX)) say(context, line);
  if (lines.length > LISTED_MAX) say(context, `… and ${lines.length - LISTED_MAX} more`);
  if (lines.length === 0) say(context, `nothing to do: etcd holds what the document says, ${count(unchanged, "key")}`);
  else say(context, `${count(puts.length, "key")} to put, ${deletes.length} to delete, ${unchanged} as they are`);
}
