export { EtcdClient } from "./client.ts";
export { EtcdError, type EtcdErrorKind } from "./error.ts";
export { prefixEnd } from "./prefix-end.ts";
export type {
  Compare,
  Comparison,
  EtcdCredentials,
  EtcdOptions,
  EtcdTls,
  Header,
  KeyValue,
  Op,
  OpResult,
  RangeRequest,
  RangeResult,
  TxnRequest,
  TxnResult,
  Watch,
  WatchEvent,
  WatchListener,
  WatchRequest,
} from "./types.ts";
