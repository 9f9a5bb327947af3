// Between the types that a program sees and the messages of etcd.

import type {
  Int64,
  WireCompare,
  WireEvent,
  WireHeader,
  WireKeyValue,
  WireRangeRequest,
  WireRangeResponse,
  WireRequestOp,
  WireResponseOp,
} from "./messages.ts";
import type {
  Compare,
  Comparison,
  Header,
  KeyValue,
  Op,
  OpResult,
  RangeRequest,
  RangeResult,
  WatchEvent,
} from "./types.ts";

const NOTHING = Buffer.alloc(0);
const DELETED = 1;
const RESULTS: Readonly<Record<Comparison, number>> = { equal: 0, greater: 1, less: 2, "not-equal": 3 };
const TARGETS = { version: 0, createRevision: 1, modRevision: 2, value: 3 } as const;

const numberOf = (value: Int64 | undefined): number => value?.toNumber() ?? 0;

export function headerOf(header: WireHeader = {}): Header {
  return {
    clusterId: header.clusterId?.toString() ?? "0",
    memberId: header.memberId?.toString() ?? "0",
    revision: numberOf(header.revision),
    raftTerm: numberOf(header.raftTerm),
  };
}

function keyValueOf(kv: WireKeyValue): KeyValue {
  return {
    key: kv.key,
    value: kv.value ?? NOTHING,
    modRevision: numberOf(kv.modRevision),
    createRevision: numberOf(kv.createRevision),
  };
}

export function eventOf({ type, kv }: WireEvent): WatchEvent {
  return { type: type === DELETED ? "delete" : "put", kv: keyValueOf(kv) };
}

export function wireRange(request: RangeRequest): WireRangeRequest {
  const { key, end, limit, revision, keysOnly, countOnly, serializable } = request;
  return { key, rangeEnd: end, limit, revision, keysOnly, countOnly, serializable };
}

export function rangeOf({ kvs = [], more = false, count }: WireRangeResponse): Omit<RangeResult, "header"> {
  return { kvs: kvs.map(keyValueOf), more, count: numberOf(count) };
}

export function wireCompare(compare: Compare): WireCompare {
  const { key, end, result = "equal", ...value } = compare;
  const [target] = Object.keys(value) as [keyof typeof TARGETS];
  return { key, rangeEnd: end, result: RESULTS[result], target: TARGETS[target], ...value };
}

export function wireOp(op: Op): WireRequestOp {
  switch (op.kind) {
    case "put":
      return { requestPut: { key: op.key, value: op.value } };
    case "delete":
      return { requestDeleteRange: { key: op.key, rangeEnd: op.end } };
    case "range":
      return { requestRange: wireRange(op) };
  }
}

export function resultOf(response: WireResponseOp): OpResult {
  const { responseRange, responseDeleteRange } = response;
  if (responseRange !== undefined) return { kind: "range", ...rangeOf(responseRange) };
  if (responseDeleteRange !== undefined) return { kind: "delete", deleted: numberOf(responseDeleteRange.deleted) };
  return { kind: "put" };
}
