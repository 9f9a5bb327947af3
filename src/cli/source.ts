// Which source a command changes: the one that it is told, else the one that the daemon of these pins follows, else a document.

import { UnumError } from "../errors.ts";
import type { EtcdAddress } from "../source/address.ts";
import { parseSource, sourceName } from "../source/address.ts";
import type { CommonOptions } from "./context.ts";
import type { FoundDaemon } from "./daemon.ts";
import { findDaemon } from "./daemon.ts";

export interface SourceOptions extends CommonOptions {
  /** As UNUM_SOURCE, or `--source`, has it. */
  readonly source?: string;
}

export interface EtcdChange {
  readonly kind: "etcd";
  readonly address: EtcdAddress;
  readonly daemon: FoundDaemon | undefined;
}

export type ChangedSource =
  | { readonly kind: "file"; readonly path: string; readonly daemon: FoundDaemon | undefined }
  | EtcdChange;

/** @throws UnumError DAEMON_RUNNING: the daemon follows another one, and would not show what is changed there */
export async function changedSource(options: SourceOptions): Promise<ChangedSource> {
  const daemon = await findDaemon(options.pinDir);
  const followed = daemon && parseSource(daemon.status.source.name);
  const named = options.source === undefined ? undefined : parseSource(options.source);
  const address = named ?? (followed?.kind === "etcd" ? followed : undefined);
  if (address?.kind !== "etcd") return { kind: "file", path: address?.path ?? options.state, daemon };
  if (daemon !== undefined && followed !== undefined && sourceName(followed) !== sourceName(address))
    throw new UnumError(
      "DAEMON_RUNNING",
      `change ${sourceName(address)}: the daemon of ${options.pinDir}, process ${daemon.status.pid}, follows ${daemon.status.source.name}`,
      { remedy: "leave --source and UNUM_SOURCE out to change what it follows" },
    );
  return { kind: "etcd", address, daemon };
}
