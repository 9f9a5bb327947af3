// What one attempt at one member came to, and what follows from it: ask another member, log in again, or give up.

import { status } from "@grpc/grpc-js";
import { connectionTrouble } from "./connection-trouble.ts";
import type { EtcdErrorKind } from "./error.ts";

export interface FailureOptions {
  /** Another member may do better. */
  readonly elsewhere?: boolean;
  /** The member has certainly not carried out what it was asked. */
  readonly untouched?: boolean;
  /** The member does not know the token: a new one helps. */
  readonly staleToken?: boolean;
  readonly remedy?: string | undefined;
  readonly compactRevision?: number | undefined;
  readonly cause?: unknown;
}

export class Failure extends Error {
  readonly kind: EtcdErrorKind;
  readonly options: FailureOptions;

  /** @param text what went wrong, as the part of a message that follows the member's name */
  constructor(kind: EtcdErrorKind, text: string, options: FailureOptions = {}) {
    super(text, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.options = options;
  }
}

/** As gRPC ends a call that failed. */
export interface CallStatus {
  readonly code: number;
  readonly details: string;
}

/** What etcd itself says (api/v3rpc/rpctypes/error.go), whatever code it comes with: that changed from release to release. */
const SAID: readonly (readonly [RegExp, EtcdErrorKind, FailureOptions])[] = [
  [/required revision has been compacted/, "compacted", {}],
  [/required revision is a future revision/, "future-revision", {}],
  [
    /invalid auth token|revision of auth store is old|revision in header is old/,
    "unauthenticated",
    { staleToken: true },
  ],
  [
    /invalid user ID or password/,
    "unauthenticated",
    { remedy: "correct the user or the password; both are looked up anew at the next try" },
  ],
  [/user name is empty/, "unauthenticated", { remedy: "etcd wants a login: give a user and a password" }],
  [
    /authentication is not enabled/,
    "unauthenticated",
    { remedy: "take user and password away, or turn it on: etcdctl auth enable" },
  ],
  [/permission denied/, "permission-denied", {}],
  [/database space exceeded/, "no-space", {}],
  [/corrupt cluster/, "corrupt", {}],
  // Said before anything is proposed to the other members.
  [
    /no leader|not capable|not supported for learner|too many requests/,
    "unavailable",
    { elsewhere: true, untouched: true },
  ],
];

const INVALID: ReadonlySet<number> = new Set([
  status.INVALID_ARGUMENT,
  status.FAILED_PRECONDITION,
  status.OUT_OF_RANGE,
  status.NOT_FOUND,
  status.UNIMPLEMENTED,
]);

/** grpc-js says so when it had no connection to send a call on. */
const NEVER_SENT = /^(No connection established|Name resolution failed)/;

/** Reads how a call ended. */
export function failureOf({ code, details }: CallStatus): Failure {
  const text = details.replace(/^(etcdserver: |rpc error: code = \w+ desc = )+/, "").replace(/^mvcc: /, "");
  for (const [pattern, kind, options] of SAID)
    if (pattern.test(details)) return new Failure(kind, text, { untouched: true, ...options });
  if (NEVER_SENT.test(details)) {
    const { tls, text: trouble, remedy } = connectionTrouble(details);
    return new Failure(tls ? "tls" : "unavailable", trouble, { elsewhere: true, untouched: true, remedy });
  }
  if (INVALID.has(code)) return new Failure("invalid", text);
  const { tls, text: trouble, remedy } = connectionTrouble(text);
  return new Failure(tls ? "tls" : "unavailable", trouble, { elsewhere: true, remedy });
}
