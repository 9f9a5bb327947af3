// From the text that names a source to what follows it.

import { readFileSync } from "node:fs";
import { causeText, UnumError } from "../errors.ts";
import type { EtcdClient } from "../etcd/index.ts";
import type { Model } from "../model/index.ts";
import type { EtcdAddress } from "./address.ts";
import { parseSource } from "./address.ts";
import { FileSource } from "./file.ts";
import type { Source } from "./source.ts";

export interface OpenOptions {
  /** Document with the edge's own part, absolute, for sources that hold what many edges share. */
  readonly edgePath: string;
  /** What the maps show; asked for once, after the source is started, by those that need it. */
  readonly known: () => Model | undefined;
}

/** @throws UnumError VALUE_INVALID, DOCUMENT_UNREADABLE: a certificate that the text names */
export async function openSource(text: string, { edgePath, known }: OpenOptions): Promise<Source> {
  const address = parseSource(text);
  if (address.kind === "file") return new FileSource(address.path);
  // Who follows a file need not wait for a client of etcd to be loaded.
  const { EtcdSource } = await import("./etcd.ts");
  return new EtcdSource({ address, client: await openEtcd(address), edgePath, known });
}

/** @throws UnumError DOCUMENT_UNREADABLE */
export async function openEtcd(address: EtcdAddress): Promise<EtcdClient> {
  const { EtcdClient } = await import("../etcd/index.ts");
  const { members, tls, ca, certificate, key, user, passwordFile } = address;
  const files = {
    ...(ca !== undefined && { ca: readSecret("ca", ca) }),
    ...(certificate !== undefined && { certificate: readSecret("certificate", certificate) }),
    ...(key !== undefined && { key: readSecret("key", key) }),
  };
  return new EtcdClient({
    members,
    ...(tls && { tls: files }),
    ...(user !== undefined &&
      passwordFile !== undefined && {
        credentials: { user, password: () => readSecret("passwordFile", passwordFile).toString("utf8").trimEnd() },
      }),
  });
}

/** A file that the source names; what is in it is never part of a message. */
function readSecret(setting: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (thrown) {
    throw new UnumError("DOCUMENT_UNREADABLE", `read ${path}, the source's ${setting}: ${causeText(thrown)}`, {
      remedy: "name a file that this user may read",
      cause: thrown,
    });
  }
}
