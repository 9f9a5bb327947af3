// How a call to etcd can fail, for those who decide by it.

import { type ErrorCode, UnumError } from "../errors.ts";

export type EtcdErrorKind =
  /** No member answered in time, or none that has a leader. */
  | "unavailable"
  /** TLS came to nothing: a certificate is not accepted, or one side does not speak it. */
  | "tls"
  /** Nobody is logged in: user or password are wrong or missing, or authentication is not enabled. */
  | "unauthenticated"
  | "permission-denied"
  /** The revision is too old; see `compactRevision`. */
  | "compacted"
  /** The revision does not exist yet. */
  | "future-revision"
  /** A transaction was sent, and nobody knows whether it was carried out. */
  | "unknown-outcome"
  /** etcd does not take such a request: too large, too many operations, a key twice. */
  | "invalid"
  /** The store has reached its quota, or an alarm says so. */
  | "no-space"
  /** Members found that their stores differ. */
  | "corrupt"
  /** The program ended the watch or closed the client. */
  | "cancelled"
  /** None of these: a defect. */
  | "unknown";

const CODES: Readonly<Record<EtcdErrorKind, ErrorCode>> = {
  unavailable: "ETCD_UNAVAILABLE",
  tls: "ETCD_TLS",
  unauthenticated: "ETCD_DENIED",
  "permission-denied": "ETCD_DENIED",
  compacted: "ETCD_REFUSED",
  "future-revision": "ETCD_REFUSED",
  "unknown-outcome": "ETCD_OUTCOME_UNKNOWN",
  invalid: "ETCD_REFUSED",
  "no-space": "ETCD_REFUSED",
  corrupt: "ETCD_REFUSED",
  cancelled: "CLOSED",
  unknown: "INTERNAL",
};

const REMEDIES: Readonly<Partial<Record<EtcdErrorKind, string>>> = {
  unavailable: "check the members with: etcdctl endpoint health --cluster",
  "permission-denied": "grant it to a role of the user: etcdctl role grant-permission ROLE read --prefix PREFIX",
  "unknown-outcome": "read the keys again to see whether it was carried out",
  "no-space": "compact and defragment etcd, raise --quota-backend-bytes, then: etcdctl alarm disarm",
  corrupt: "see the members' logs and: etcdctl alarm list",
};

export interface EtcdErrorOptions {
  readonly remedy?: string | undefined;
  readonly cause?: unknown;
  readonly compactRevision?: number | undefined;
}

/** etcd was not reached, or did not do what was asked. */
export class EtcdError extends UnumError {
  readonly kind: EtcdErrorKind;
  /** Of kind `compacted`, in a watch: the oldest revision that is left. */
  declare readonly compactRevision?: number;

  /** @param message `verb subject: cause`, which names the member */
  constructor(kind: EtcdErrorKind, message: string, { remedy, cause, compactRevision }: EtcdErrorOptions = {}) {
    super(CODES[kind], message, { remedy: remedy ?? REMEDIES[kind], cause });
    this.kind = kind;
    if (compactRevision !== undefined) this.compactRevision = compactRevision;
  }
}
