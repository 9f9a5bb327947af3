// Changing objects in etcd, and waiting until this edge shows it. The edge's own part stays in its file.

import type { Edit } from "../document/index.ts";
import { editDocument, parseModel, readDocumentFile, writeDocumentFile } from "../document/index.ts";
import type { EtcdClient } from "../etcd/index.ts";
import type { EtcdAddress } from "../source/address.ts";
import { edgeRevision } from "../source/etcd.ts";
import { changeEtcd } from "../source/etcd-write.ts";
import { openEtcd } from "../source/open.ts";
import type { Context } from "./context.ts";
import { say } from "./context.ts";
import { waitForDaemon } from "./daemon.ts";
import { sayWaited } from "./edge.ts";
import { json } from "./render.ts";
import type { EtcdChange, SourceOptions } from "./source.ts";

export async function changeInEtcd(
  context: Context,
  options: SourceOptions,
  { address, daemon }: EtcdChange,
  edits: readonly Edit[],
): Promise<void> {
  const started = performance.now();
  const revision = edits.every(({ path }) => path[0] === "edge")
    ? changeEdge(options.state, edits)
    : await withEtcd(address, async (client) => String(await changeEtcd(client, address.prefix, edits)));
  // Whoever names an object to delete means it, however few there are.
  const allowMassDelete = edits.some(({ op }) => op === "delete");
  await sayFollowed(context, options, daemon, { revision, allowMassDelete, started });
}

export async function withEtcd<T>(address: EtcdAddress, work: (client: EtcdClient) => Promise<T>): Promise<T> {
  const client = await openEtcd(address);
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

interface Written {
  readonly revision: string;
  readonly allowMassDelete: boolean;
  readonly started: number;
}

/** Waits until this edge shows what was written, if a daemon follows it here. */
async function sayFollowed(
  context: Context,
  options: SourceOptions,
  daemon: EtcdChange["daemon"],
  { revision, allowMassDelete, started }: Written,
): Promise<void> {
  if (daemon !== undefined) {
    sayWaited(context, options, await waitForDaemon(daemon, revision, { allowMassDelete }), started);
    return;
  }
  const tookMs = Math.round(performance.now() - started);
  if (options.json === true) json(context, { daemon: false, revision, tookMs });
  else
    say(context, `written as revision ${revision}; no daemon of ${options.pinDir} is there to follow it; ${tookMs} ms`);
}

/** Edits the edge's own document. @returns the revision that a state with it includes */
function changeEdge(file: string, edits: readonly Edit[]): string {
  const old = readDocumentFile(file);
  const text = editDocument(old, file, edits);
  parseModel(text, file);
  if (text !== old) writeDocumentFile(file, text);
  return `-${edgeRevision(text)}`;
}
