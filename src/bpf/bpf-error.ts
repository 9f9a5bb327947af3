// What the addon reports, as errors with a message and a remedy.

import type { ErrorCode } from "../errors.ts";
import { UnumError } from "../errors.ts";
import { splitLibbpfLog, summariseVerifierLog } from "./verifier-log.ts";

/** As native/error.cc makes it; empty strings and 0 stand for nothing. */
export interface NativeFailure {
  readonly code: ErrorCode;
  readonly operation: string;
  readonly subject: string;
  readonly reason: string;
  readonly errno: number;
  readonly errnoName: string;
  readonly errnoText: string;
  /** Capabilities that the operation needs. */
  readonly needs: string;
  /** What libbpf said, the verifier's log included. */
  readonly log: string;
}

/** The kernel, libbpf or the addon refused an operation on a handle. */
export class BpfError extends UnumError {
  /** Such as `update`. */
  readonly operation: string;
  /** Such as `map vms4`. */
  readonly subject: string;
  /** Positive errno; 0: none. */
  readonly errno: number;
  /** Such as `EPERM`; empty: none. */
  readonly errnoName: string;
  /** All that the verifier said about the program it refused. */
  readonly verifierLog?: string;

  constructor(failure: NativeFailure) {
    const { verifierLog, libbpf, program } = splitLibbpfLog(failure.log);
    super(failure.code, message(failure, { verifierLog, libbpf, program }), { remedy: remedy(failure) });
    this.operation = failure.operation;
    this.subject = failure.subject;
    this.errno = failure.errno;
    this.errnoName = failure.errnoName;
    if (verifierLog !== undefined) this.verifierLog = verifierLog;
  }
}

/** A failure found on this side of the addon. */
export function bpfError(code: ErrorCode, operation: string, subject: string, reason: string): BpfError {
  return new BpfError({
    code,
    operation,
    subject,
    reason,
    errno: 0,
    errnoName: "",
    errnoText: "",
    needs: "",
    log: "",
  });
}

function message(failure: NativeFailure, log: ReturnType<typeof splitLibbpfLog>): string {
  if (failure.code === "CLOSED") return failure.reason;
  const { operation, subject, reason, errno, errnoName, errnoText } = failure;
  const head = `${operation} ${subject}`;
  if (log.verifierLog !== undefined) {
    return `${head}: the verifier refused program ${log.program}: ${summariseVerifierLog(log.verifierLog)}`;
  }
  // libbpf's first line is the cause, those after it are consequences. Often it repeats what errno says.
  const said = log.libbpf.split("\n")[0] ?? "";
  const repeated = errno !== 0 && said.toLowerCase().includes(errnoText.toLowerCase());
  const causes = [errno === 0 ? "" : `${errnoText} (${errnoName})`, reason, repeated ? "" : said].filter(
    (cause) => cause !== "",
  );
  return `${head}: ${causes.join(": ")}`;
}

function remedy({ code, operation, subject, errnoName, needs }: NativeFailure): string | undefined {
  switch (code) {
    case "CLOSED":
      return "keep the handle open for as long as it is used";
    case "MAP_INCOMPATIBLE":
      return "remove the pinned map, or load an object that was built for it";
    case "TABLE_FULL":
      return "delete entries first, or make the table again with more room";
    case "LOCKED":
      return "wait until the other process is done";
    case "VERIFIER":
      return "is the kernel as new as the program needs? verifierLog of this error has all that the verifier said";
    case "FOREIGN_PROGRAM":
      return "detach that program first (ip link set dev NIC xdp off), if nobody needs it";
    case "INTERFACE_MISSING":
      return "list the interfaces of this network namespace: ip link";
    case "INTERFACE_UNFIT":
      return "the driver may not support XDP, or not with this MTU or number of queues: try generic mode";
  }
  switch (errnoName) {
    case "EPERM":
      return `run as root, or with ${needs === "" ? "the capability that this needs" : needs}`;
    case "EACCES":
      return `check owner and mode of the file${needs === "" ? "" : `, and that the process has ${needs}`}`;
    case "ENOENT":
      return subject.startsWith("pinned ") ? "is it loaded, and the BPF file system mounted?" : undefined;
    case "EEXIST":
      return operation === "pin" ? "pin under another name and rename it over the old one" : undefined;
    case "ENOMEM":
      return "the kernel has not enough memory for this: make the maps smaller, or free memory";
    case "E2BIG":
    case "ENOSPC":
      return subject.startsWith("map ") ? "delete entries first, or make the map again with more of them" : undefined;
    default:
      return undefined;
  }
}
