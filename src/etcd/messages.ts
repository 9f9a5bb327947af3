// What etcd and a client say to each other, as far as it is used here: services, messages and field numbers of
// etcd's api/etcdserverpb/rpc.proto and api/mvccpb/kv.proto, in the JSON form of protobufjs. A field that is left out is skipped
// by the decoder, which is why `version` and `lease` of a key are.

import { fromJSON } from "@grpc/proto-loader";

const field = (type: string, id: number) => ({ type, id });
const list = (type: string, id: number) => ({ rule: "repeated" as const, type, id });
const method = (requestType: string, responseType: string) => ({ requestType, responseType });

// Enumerations go over the wire as int32 does.
const mvccpb = {
  KeyValue: {
    fields: {
      key: field("bytes", 1),
      createRevision: field("int64", 2),
      modRevision: field("int64", 3),
      value: field("bytes", 5),
    },
  },
  Event: { fields: { type: field("int32", 1), kv: field("KeyValue", 2) } },
};

const etcdserverpb = {
  KV: {
    methods: { Range: method("RangeRequest", "RangeResponse"), Txn: method("TxnRequest", "TxnResponse") },
  },
  Watch: {
    methods: { Watch: { ...method("WatchRequest", "WatchResponse"), requestStream: true, responseStream: true } },
  },
  Auth: { methods: { Authenticate: method("AuthenticateRequest", "AuthenticateResponse") } },

  ResponseHeader: {
    fields: {
      clusterId: field("uint64", 1),
      memberId: field("uint64", 2),
      revision: field("int64", 3),
      raftTerm: field("uint64", 4),
    },
  },
  RangeRequest: {
    fields: {
      key: field("bytes", 1),
      rangeEnd: field("bytes", 2),
      limit: field("int64", 3),
      revision: field("int64", 4),
      serializable: field("bool", 7),
      keysOnly: field("bool", 8),
      countOnly: field("bool", 9),
    },
  },
  RangeResponse: {
    fields: {
      header: field("ResponseHeader", 1),
      kvs: list("mvccpb.KeyValue", 2),
      more: field("bool", 3),
      count: field("int64", 4),
    },
  },
  PutRequest: { fields: { key: field("bytes", 1), value: field("bytes", 2) } },
  PutResponse: { fields: { header: field("ResponseHeader", 1) } },
  DeleteRangeRequest: { fields: { key: field("bytes", 1), rangeEnd: field("bytes", 2) } },
  DeleteRangeResponse: { fields: { header: field("ResponseHeader", 1), deleted: field("int64", 2) } },
  RequestOp: {
    oneofs: { request: { oneof: ["requestRange", "requestPut", "requestDeleteRange"] } },
    fields: {
      requestRange: field("RangeRequest", 1),
      requestPut: field("PutRequest", 2),
      requestDeleteRange: field("DeleteRangeRequest", 3),
    },
  },
  ResponseOp: {
    oneofs: { response: { oneof: ["responseRange", "responsePut", "responseDeleteRange"] } },
    fields: {
      responseRange: field("RangeResponse", 1),
      responsePut: field("PutResponse", 2),
      responseDeleteRange: field("DeleteRangeResponse", 3),
    },
  },
  Compare: {
    oneofs: { targetUnion: { oneof: ["version", "createRevision", "modRevision", "value"] } },
    fields: {
      result: field("int32", 1),
      target: field("int32", 2),
      key: field("bytes", 3),
      version: field("int64", 4),
      createRevision: field("int64", 5),
      modRevision: field("int64", 6),
      value: field("bytes", 7),
      rangeEnd: field("bytes", 64),
    },
  },
  TxnRequest: {
    fields: { compare: list("Compare", 1), success: list("RequestOp", 2), failure: list("RequestOp", 3) },
  },
  TxnResponse: {
    fields: {
      header: field("ResponseHeader", 1),
      succeeded: field("bool", 2),
      responses: list("ResponseOp", 3),
    },
  },
  WatchRequest: {
    oneofs: { requestUnion: { oneof: ["createRequest", "progressRequest"] } },
    fields: { createRequest: field("WatchCreateRequest", 1), progressRequest: field("WatchProgressRequest", 3) },
  },
  WatchCreateRequest: {
    fields: { key: field("bytes", 1), rangeEnd: field("bytes", 2), startRevision: field("int64", 3) },
  },
  WatchProgressRequest: { fields: {} },
  WatchResponse: {
    fields: {
      header: field("ResponseHeader", 1),
      created: field("bool", 3),
      canceled: field("bool", 4),
      compactRevision: field("int64", 5),
      cancelReason: field("string", 6),
      events: list("mvccpb.Event", 11),
    },
  },
  AuthenticateRequest: { fields: { name: field("string", 1), password: field("string", 2) } },
  AuthenticateResponse: { fields: { header: field("ResponseHeader", 1), token: field("string", 2) } },
};

/** A 64-bit number as the decoder makes it. Fields that have their default are absent. */
export interface Int64 {
  toNumber(): number;
  toString(): string;
}

export interface WireHeader {
  readonly clusterId?: Int64;
  readonly memberId?: Int64;
  readonly revision?: Int64;
  readonly raftTerm?: Int64;
}
export interface WireKeyValue {
  readonly key: Buffer;
  readonly value?: Buffer;
  readonly createRevision?: Int64;
  readonly modRevision?: Int64;
}
export interface WireRangeRequest {
  readonly key: Uint8Array;
  readonly rangeEnd?: Uint8Array | undefined;
  readonly limit?: number | undefined;
  readonly revision?: number | undefined;
  readonly serializable?: boolean | undefined;
  readonly keysOnly?: boolean | undefined;
  readonly countOnly?: boolean | undefined;
}
export interface WireRangeResponse {
  readonly header?: WireHeader;
  readonly kvs?: readonly WireKeyValue[];
  readonly more?: boolean;
  readonly count?: Int64;
}
export interface WireCompare {
  readonly key: Uint8Array;
  readonly rangeEnd?: Uint8Array | undefined;
  readonly result: number;
  readonly target: number;
  readonly version?: number;
  readonly createRevision?: number;
  readonly modRevision?: number;
  readonly value?: Uint8Array;
}
export type WireRequestOp =
  | { readonly requestRange: WireRangeRequest }
  | { readonly requestPut: { readonly key: Uint8Array; readonly value: Uint8Array } }
  | { readonly requestDeleteRange: { readonly key: Uint8Array; readonly rangeEnd?: Uint8Array | undefined } };
export interface WireTxnRequest {
  readonly compare: readonly WireCompare[];
  readonly success: readonly WireRequestOp[];
  readonly failure: readonly WireRequestOp[];
}
export interface WireResponseOp {
  readonly responseRange?: WireRangeResponse;
  readonly responsePut?: object;
  readonly responseDeleteRange?: { readonly deleted?: Int64 };
}
export interface WireTxnResponse {
  readonly header?: WireHeader;
  readonly succeeded?: boolean;
  readonly responses?: readonly WireResponseOp[];
}
export interface WireWatchRequest {
  readonly createRequest?: {
    readonly key: Uint8Array;
    readonly rangeEnd?: Uint8Array | undefined;
    readonly startRevision: number;
  };
  readonly progressRequest?: object;
}
export interface WireEvent {
  /** 1: deleted. */
  readonly type?: number;
  readonly kv: WireKeyValue;
}
export interface WireWatchResponse {
  readonly header?: WireHeader;
  readonly created?: boolean;
  readonly canceled?: boolean;
  readonly compactRevision?: Int64;
  readonly cancelReason?: string;
  readonly events?: readonly WireEvent[];
}

/** One procedure of etcd: its path, and how its messages become bytes and back. */
export interface Procedure<Request, Response> {
  readonly path: string;
  readonly requestSerialize: (request: Request) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Response;
}

// 64-bit numbers stay objects until they are looked at: identifiers of clusters and members need all of their bits.
const root = { nested: { mvccpb: { nested: mvccpb }, etcdserverpb: { nested: etcdserverpb } } };
// The type of its parameter wants a comment at each method.
const services = fromJSON(root as unknown as Parameters<typeof fromJSON>[0], { defaults: false });

function procedure<Request, Response>(service: string, name: string): Procedure<Request, Response> {
  const definition = services[`etcdserverpb.${service}`] as Record<string, unknown>;
  return definition[name] as Procedure<Request, Response>;
}

export const RANGE = procedure<WireRangeRequest, WireRangeResponse>("KV", "Range");
export const TXN = procedure<WireTxnRequest, WireTxnResponse>("KV", "Txn");
export const WATCH = procedure<WireWatchRequest, WireWatchResponse>("Watch", "Watch");
export const AUTHENTICATE = procedure<
  { readonly name: string; readonly password: string },
  { readonly token?: string }
>("Auth", "Authenticate");
