// The addon, and its types. Everything is thin there: the classes of this room add the manners.

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { causeText, UnumError } from "../errors.ts";
import type { LinkDescription } from "./any-link.ts";
import type { NativeFailure } from "./bpf-error.ts";
import { BpfError } from "./bpf-error.ts";
import type { XdpLinkInfo } from "./link.ts";
import type { MapDescription, MapInfo, Stretch } from "./map.ts";
import type { NetPrograms } from "./net-programs.ts";
import type { MapDefinition, ProgramDefinition } from "./object.ts";
import type { ProgramDescription, ProgramInfo } from "./program.ts";
import type { InterfaceAddress, Link, Neighbour, Route } from "./rtnetlink.ts";

/** Key of the addon's object behind a handle, for the other classes of this room. */
export const native: unique symbol = Symbol("native");

export interface NativeObject {
  maps(): MapDefinition[];
  programs(): ProgramDefinition[];
  btf(): Uint8Array;
  readOnlyData(): Uint8Array;
  setReadOnlyData(bytes: Uint8Array): void;
  setMaxEntries(map: string, maxEntries: number): void;
  reuseMap(name: string, map: NativeMap): void;
  load(): void;
  map(name: string): NativeMap;
  program(name: string): NativeProgram;
  close(): void;
}

export interface NativeMap {
  info(): MapInfo;
  describe(): MapDescription;
  btf(): Uint8Array | undefined;
  lookup(key: Uint8Array): Uint8Array | undefined;
  update(key: Uint8Array, value: Uint8Array, flags: number): void;
  delete(key: Uint8Array): boolean;
  keys(): Uint8Array;
  entries(): { keys: Uint8Array; values: Uint8Array };
  nextKey(key: Uint8Array | undefined): Uint8Array | undefined;
  walk(after: Uint8Array | undefined, count: number): Stretch;
  readArray(first: number, count: number): Uint8Array;
  pin(path: string): void;
  close(): void;
}

export interface NativeProgram {
  info(): ProgramInfo;
  describe(): ProgramDescription;
  testRun(
    data: Uint8Array,
    repeat: number,
    ingressIfindex: number | undefined,
    rxQueue: number | undefined,
    outBytes: number | undefined,
  ): { verdict: number; data: Uint8Array; durationNs: number };
  testRunMany(
    data: Uint8Array,
    lengths: Uint32Array,
    ingressIfindex: number | undefined,
    rxQueue: number | undefined,
  ): { verdicts: Uint32Array; data: Uint8Array; lengths: Uint32Array };
  testRunLive(
    data: Uint8Array,
    repeat: number,
    batchSize: number | undefined,
    ingressIfindex: number | undefined,
    rxQueue: number | undefined,
  ): { durationNs: number };
  pin(path: string): void;
  close(): void;
}

export interface NativeLink {
  info(): XdpLinkInfo;
  update(program: NativeProgram): void;
  detach(): void;
  pin(path: string): void;
  close(): void;
}

export interface NativeAnyLink {
  describe(): LinkDescription;
  close(): void;
}

export interface NativeMappedArray {
  length(): number;
  valueSize(): number;
  load(index: number): Uint8Array;
  loadMany(first: number, count: number): Uint8Array;
  store(index: number, bytes: Uint8Array): void;
  write(index: number, bytes: Uint8Array): void;
  close(): void;
}

export interface NativeBucketTable {
  stats(): { capacity: number; size: number; resting: number; repaired: number };
  get(key: Uint8Array): Uint8Array | undefined;
  entries(): Uint8Array;
  changeAll(puts: Uint8Array, deletes: Uint8Array): { inserted: number; replaced: number; removed: number };
  collect(): void;
  close(): void;
}

export interface NativeWake {
  fd(): number;
  wake(): void;
  close(): void;
}

/** Records of datagrams are as native/bfd_socket.cc has them. */
export interface NativeBfdSocket {
  add(local: string): void;
  receive(records: Uint8Array): number;
  send(records: Uint8Array, count: number): number;
  wait(us: number): boolean;
  close(): void;
}

export interface Addon {
  readonly BpfObject: { open(path: string): NativeObject };
  readonly BpfMap: { openPinned(path: string): NativeMap; openById(id: number): NativeMap };
  readonly BpfProgram: { openPinned(path: string): NativeProgram; openById(id: number): NativeProgram };
  readonly BpfLink: { openPinned(path: string): NativeAnyLink; openById(id: number): NativeAnyLink };
  readonly XdpLink: {
    attach(program: NativeProgram, ifindex: number, mode: string): NativeLink;
    openPinned(path: string): NativeLink;
  };
  readonly MappedArray: { map(map: NativeMap): NativeMappedArray };
  readonly BucketTable: {
    open(
      map: NativeMap,
      seed: bigint,
      keyWords: number,
      moves: NativeMap | undefined,
      offset: number,
    ): NativeBucketTable;
  };
  readonly NetlinkWatch: { open(onChange: (kinds: number) => void): { close(): void } };
  readonly Wake: { create(): NativeWake };
  readonly BfdSocket: { open(wake: number): NativeBfdSocket };
  readonly DirectoryLock: { lock(path: string, waitMs: number): { close(): void } };
  slotDifference(
    desired: Uint8Array,
    observed: Uint8Array,
    keyWords: number,
  ): { puts: Uint8Array; replaced: Uint8Array; removed: Uint8Array; deletes: Uint8Array };
  interfaceFeatures(ifindex: number): Record<string, boolean>;
  xdpLinkId(ifindex: number, programId: number): number | undefined;
  xdpAttached(ifindex: number): { mode: string; programId: number; programName?: string };
  netPrograms(ifindex: number): NetPrograms;
  xdpTakesRedirects(ifindex: number): boolean | undefined;
  favourThread(): boolean;
  gracePeriod(method: string): void;
  isBpffs(path: string): boolean;
  mountBpffs(path: string): void;
  possibleCpus(): number;
  setNetworkNamespace(path: string): void;
  monotonicNs(): bigint;
  sendDatagram(path: string, bytes: Uint8Array): void;
  nextObjectId(kind: string, id: number): number | undefined;
  btfById(id: number): Uint8Array;
  clocks(): { realNs: bigint; bootNs: bigint };
  programTypeName(type: number): string | undefined;
  links(): Link[];
  addresses(): InterfaceAddress[];
  routeTo(address: string): Route | undefined;
  neighbours(): Neighbour[];
  neighbour(ifindex: number, address: string): Neighbour | undefined;
  probeNeighbour(ifindex: number, address: string): void;
  sendFrame(ifindex: number, bytes: Uint8Array): void;
  setErrorFactory(factory: (failure: NativeFailure) => Error): void;
}

const RESULT = "build/cmake/Release/unum.node";
let loaded: Addon | undefined;

/** Found from src/bpf as well as from dist/src/bpf. */
function addonPath(): string {
  for (const root of ["../..", "../../.."]) {
    const path = join(import.meta.dirname, root, RESULT);
    if (existsSync(path)) return path;
  }
  throw new UnumError("NATIVE_MISSING", `load ${RESULT}: the native addon is not built`, {
    remedy: "npm start and npm test build it; to build nothing else: sh scripts/build addon",
  });
}

/**
 * The addon, loaded at first use so that what needs no kernel works without it.
 * @throws UnumError NATIVE_MISSING
 */
export function addon(): Addon {
  if (loaded !== undefined) return loaded;
  const path = addonPath();
  let module: Addon;
  try {
    module = createRequire(import.meta.url)(path) as Addon;
  } catch (cause) {
    throw new UnumError("NATIVE_MISSING", `load ${path}: ${causeText(cause)}`, {
      remedy: "sh scripts/setup installs the libraries it needs; then sh scripts/build addon",
      cause,
    });
  }
  module.setErrorFactory((failure) => new BpfError(failure));
  loaded = module;
  return module;
}
