// Every failure that unum reports is an UnumError with a code from this catalogue. A code keeps its meaning from
// release to release: scripts and docs/operations.md refer to it. Messages read `verb subject: cause`, in lower case.

interface CatalogueEntry {
  /** One line for docs/operations.md. */
  readonly meaning: string;
  /** Exit status of a command that ends with this error: 1 it failed, 2 it was used in a way it does not offer. */
  readonly exit: 1 | 2;
}

export const ERROR_CATALOGUE = {
  USAGE: { exit: 2, meaning: "a command was given arguments or options it does not have" },
  ADDRESS_INVALID: { exit: 2, meaning: "a text is no IP address, MAC address or prefix in the one accepted form" },
  VALUE_INVALID: { exit: 2, meaning: "a value is outside of what its field may hold" },

  DOCUMENT_UNREADABLE: { exit: 1, meaning: "the document is missing, no regular file, too large, or may not be read" },
  DOCUMENT_INVALID: { exit: 1, meaning: "the document has problems; each is named with its file, line and column" },
  DOCUMENT_UNWRITABLE: { exit: 1, meaning: "the changed document could not be written in the place of the old one" },
  MODEL_INVALID: { exit: 1, meaning: "objects contradict each other, so that no edge could serve them" },
  OBJECT_MISSING: { exit: 1, meaning: "an object that was to be changed or deleted does not exist" },

  NATIVE_MISSING: { exit: 1, meaning: "the native addon or the BPF object is not built, or not for this machine" },
  PERMISSION: { exit: 1, meaning: "the process lacks a capability that the operation needs" },
  CLOSED: { exit: 1, meaning: "a handle was used after it was closed" },
  ARGUMENT_INVALID: { exit: 1, meaning: "a function was given a value of the wrong type, length or range" },
  SYSTEM_CALL: { exit: 1, meaning: "the kernel refused an operation" },
  VERIFIER: { exit: 1, meaning: "the kernel's verifier refused a program" },
  MAP_INCOMPATIBLE: { exit: 1, meaning: "a pinned map differs from the one that the program needs" },
  TABLE_FULL: { exit: 1, meaning: "a change needs more room than a table has; nothing was written" },
  BTF_INVALID: { exit: 1, meaning: "type information is damaged, or lacks a type that is needed" },
  CODEC_VALUE: { exit: 1, meaning: "a value does not fit the C field it was meant for" },

  LOCKED: { exit: 1, meaning: "another process is changing the same tables" },
  PIN_DIRECTORY: { exit: 1, meaning: "the pin directory is missing, not on bpffs, or not safe to use" },
  NOT_LOADED: { exit: 1, meaning: "no tables are pinned yet" },
  STATE_CORRUPT: { exit: 1, meaning: "the tables contradict each other" },
  INTERFACE_MISSING: { exit: 1, meaning: "a named network interface does not exist" },
  INTERFACE_UNFIT: { exit: 1, meaning: "a network interface cannot do what its role needs" },
  FOREIGN_PROGRAM: { exit: 1, meaning: "an interface already runs an XDP program that is not this edge's" },
  NETLINK: { exit: 1, meaning: "the kernel gave no answer, or a broken one, about links, routes or neighbours" },
  MASS_DELETE: { exit: 1, meaning: "more than half of a table would go at once, and nobody said that this is meant" },
  NO_PATH_LEFT: { exit: 1, meaning: "packets would have no path any more, and nobody said that this is meant" },
  DAEMON_RUNNING: { exit: 1, meaning: "a daemon keeps the tables, and this would work against it" },
  DAEMON_SILENT: { exit: 1, meaning: "there is no daemon, or it did not answer in time" },
  ETCD_UNAVAILABLE: { exit: 1, meaning: "no member of etcd answered in time, or none that has a leader" },
  ETCD_TLS: { exit: 1, meaning: "a certificate is not accepted, or only one side speaks TLS to etcd" },
  ETCD_DENIED: { exit: 1, meaning: "etcd did not accept the login, or does not permit its user this" },
  ETCD_REFUSED: { exit: 1, meaning: "etcd answered that it cannot do what it was asked" },
  ETCD_OUTCOME_UNKNOWN: { exit: 1, meaning: "etcd was sent a change, and did not say whether it was made" },
  SOURCE_CONFLICT: { exit: 1, meaning: "others changed the same objects of the source meanwhile; nothing was written" },
  INTERNAL: { exit: 1, meaning: "a defect in unum itself" },
} as const satisfies Record<string, CatalogueEntry>;

/** Stable name of a kind of failure. */
export type ErrorCode = keyof typeof ERROR_CATALOGUE;

export interface UnumErrorOptions {
  /** What the reader can do about it, as one sentence or command. */
  readonly remedy?: string | undefined;
  /** The error that led to this one. */
  readonly cause?: unknown;
}

/** Base of every error that unum throws on purpose. */
export class UnumError extends Error {
  readonly code: ErrorCode;
  declare readonly remedy?: string;

  constructor(code: ErrorCode, message: string, options: UnumErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    if (options.remedy !== undefined) this.remedy = options.remedy;
  }

  /** Exit status for a command that ends with this error. */
  get exitCode(): 1 | 2 {
    return ERROR_CATALOGUE[this.code].exit;
  }
}

/** Message of anything that was thrown, for use as the cause part of another message. */
export function causeText(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
