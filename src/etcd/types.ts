// What a program says to etcd, and what it is told. Revisions are numbers: etcd would take 285 years at a million writes a second
// to leave what a number holds exactly.

import type { EtcdError } from "./error.ts";

export interface EtcdOptions {
  /** `host:port` of each member, an IPv6 address in brackets. At least one. */
  readonly members: readonly string[];
  /** Present: the members are spoken to over TLS. */
  readonly tls?: EtcdTls;
  readonly credentials?: EtcdCredentials;
  /** Of a call, logging in and trying other members included. Default 5000. */
  readonly timeoutMs?: number;
}

/** Contents of PEM files. */
export interface EtcdTls {
  /** Who signed the members' certificates. Default: the authorities that Node knows. */
  readonly ca?: Buffer;
  /** What this client shows, for members that ask for it. With its key. */
  readonly certificate?: Buffer;
  readonly key?: Buffer;
}

export interface EtcdCredentials {
  readonly user: string;
  /** Asked anew at each login. When it throws, the call fails with a reason of kind `unauthenticated`. */
  readonly password: () => string;
}

/** Who answered, and the state of its store. */
export interface Header {
  /** Unsigned, in decimal; it has 64 bits. */
  readonly clusterId: string;
  readonly memberId: string;
  readonly revision: number;
  readonly raftTerm: number;
}

/** `key` and `value` are views of the message that brought them: who keeps one for long copies it, or keeps all of that message. */
export interface KeyValue {
  readonly key: Uint8Array;
  /** Empty when only keys were asked for, and in an event that deletes. */
  readonly value: Uint8Array;
  readonly modRevision: number;
  readonly createRevision: number;
}

export interface RangeRequest {
  /** One key, or with `end` the first of a range. */
  readonly key: Uint8Array;
  /** First key after the range, such as `prefixEnd(prefix)`; one zero byte: all keys from `key` on. */
  readonly end?: Uint8Array | undefined;
  /** Keys at most; 0, the default: no limit. */
  readonly limit?: number | undefined;
  /** The store as it was then; 0, the default: as it is now. */
  readonly revision?: number | undefined;
  readonly keysOnly?: boolean | undefined;
  readonly countOnly?: boolean | undefined;
  /** What one member knows, without asking the others: it may be old. */
  readonly serializable?: boolean | undefined;
}

export interface RangeResult {
  /** `revision` is the newest, also when an older one was asked for. */
  readonly header: Header;
  /** In the order of their keys. */
  readonly kvs: readonly KeyValue[];
  /** There are more keys than `limit`. */
  readonly more: boolean;
  /** Keys in the whole range. */
  readonly count: number;
}

/** Default: `equal`. */
export type Comparison = "equal" | "greater" | "less" | "not-equal";

/** A condition on one key, or with `end` on each key of a range. A key that does not exist has revisions and version 0. */
export type Compare = {
  readonly key: Uint8Array;
  readonly end?: Uint8Array | undefined;
  readonly result?: Comparison | undefined;
} & (
  | { readonly modRevision: number }
  | { readonly createRevision: number }
  | { readonly version: number }
  | { readonly value: Uint8Array }
);

export type Op =
  | { readonly kind: "put"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly kind: "delete"; readonly key: Uint8Array; readonly end?: Uint8Array | undefined }
  | ({ readonly kind: "range" } & RangeRequest);

/** No key may be written twice. etcd takes 128 operations in each list, and 1.5 MiB in all, unless its operator allows more. */
export interface TxnRequest {
  /** All must hold. Empty: they do. */
  readonly compare: readonly Compare[];
  /** Carried out, all at one revision, if they do. */
  readonly success: readonly Op[];
  /** Carried out if they do not. */
  readonly failure?: readonly Op[] | undefined;
}

export type OpResult =
  | { readonly kind: "put" }
  | { readonly kind: "delete"; readonly deleted: number }
  | ({ readonly kind: "range" } & Omit<RangeResult, "header">);

export interface TxnResult {
  readonly header: Header;
  /** The conditions held. */
  readonly succeeded: boolean;
  /** Of each operation that was carried out, in their order. */
  readonly responses: readonly OpResult[];
}

export interface WatchRequest {
  readonly key: Uint8Array;
  /** As in a range. */
  readonly end?: Uint8Array | undefined;
  /** First revision whose events are wanted; it may lie ahead. */
  readonly startRevision: number;
}

export interface WatchEvent {
  readonly type: "put" | "delete";
  /** Of a deleted key: its name, and the revision of the deletion. */
  readonly kv: KeyValue;
}

/** Called one at a time, each with what one message brought. It must not throw. */
export interface WatchListener {
  /** A member has taken the watch. Called once, before all others, unless no member takes it. */
  created(header: Header): void;
  /** Events of whole revisions, in the order of these: what one transaction did is never divided. */
  events(events: readonly WatchEvent[], header: Header): void;
  /**
   * An answer to `requestProgress`, or to the client's own question whether the member is still there: at least one every two seconds
   * while there are no events. From etcd 3.4.25 and 3.5.8 on, all events up to `header.revision` have been
   * delivered; before, this revision may run ahead of them (etcd issue 15220).
   */
  progress(header: Header): void;
  /** Exactly once, whatever ended it; nothing is called afterwards. */
  end(reason: EtcdError): void;
}

export interface Watch {
  /** `host:port` of the member that serves it; undefined until one does. */
  readonly member: string | undefined;
  requestProgress(): void;
  /** Stops reading. A few messages that are here already wait, the rest stays with the member: its flow is controlled. */
  pause(): void;
  resume(): void;
  /** Ends it with a reason of kind `cancelled`. */
  close(): void;
}
