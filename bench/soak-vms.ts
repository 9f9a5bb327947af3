// A million VMs in etcd, and changes of them.

import type { EtcdClient, Op } from "../src/etcd/index.ts";
import { REAL_VM, SERVER_COUNT } from "./soak-network.ts";

export const PREFIX = "/unum/v1/";
/** 172.16.0.0/12 has room for so many. */
export const VMS_MAX = 1_000_000;
const BATCH = 500;
const BATCHES_UNDERWAY = 4;
/** VMs that come and go are there or not; those below stay. */
const FIRST_FLEETING = 10_000;

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

export const vmAddress = (n: number): string => `172.${16 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`;
const vmKey = (n: number): Uint8Array => bytes(`${PREFIX}tenants/acme/vms/${vmAddress(n)}`);
const hex = (n: number): string => n.toString(16).padStart(2, "0");
const macOf = (n: number): string => `02:00:00:${hex(n >> 16)}:${hex((n >> 8) & 255)}:${hex(n & 255)}`;
const serverAddress = (n: number): string => `10.2.1.${n}`;

const put = (key: string, value: object): Op => ({
  kind: "put",
  key: bytes(PREFIX + key),
  value: bytes(JSON.stringify(value)),
});
const putVm = (n: number, server: number): Op => ({
  kind: "put",
  key: vmKey(n),
  value: bytes(JSON.stringify({ server: `s${server}`, mac: macOf(n) })),
});

/** Fills etcd with `count` VMs; number 1 is the real one. */
export async function fill(client: EtcdClient, count: number): Promise<void> {
  const servers = Array.from({ length: SERVER_COUNT }, (_, n) => put(`servers/s${n}`, { address: serverAddress(n) }));
  const circuit = { interface: "e0", address: "10.1.0.1/24", peer: "10.1.0.2" };
  const rest = [
    put("tenants/acme", { vni: 100 }),
    put("tenants/acme/circuits/hq", circuit),
    put("tenants/acme/routes/10.1.0.0_24", { circuit: "hq" }),
    put(`tenants/acme/vms/${REAL_VM}`, { server: "s0", mac: "02:00:00:00:16:01" }),
  ];
  await client.txn({ compare: [], success: [...servers, ...rest] });
  let next = 2;
  const worker = async (): Promise<void> => {
    while (next < count + 1) {
      const from = next;
      next = Math.min(from + BATCH, count + 1);
      const success = Array.from({ length: next - from }, (_, n) => putVm(from + n, (from + n) % SERVER_COUNT));
      await client.txn({ compare: [], success, timeoutMs: 60_000 });
    }
  };
  await Promise.all(Array.from({ length: BATCHES_UNDERWAY }, worker));
}

/** Changes one VM: it moves, goes or comes. @returns the revision that has it */
export class Changes {
  readonly #client: EtcdClient;
  readonly #count: number;
  readonly #random: () => number;
  readonly #gone: number[] = [];

  constructor(client: EtcdClient, count: number, random: () => number) {
    this.#client = client;
    this.#count = count;
    this.#random = random;
  }

  #any(below: number): number {
    return Math.floor(this.#random() * below);
  }

  async one(): Promise<{ readonly kind: "moved" | "gone" | "come"; readonly revision: number }> {
    const choice = this.#any(4);
    const back = choice === 3 ? this.#gone.shift() : undefined;
    if (back !== undefined)
      return { kind: "come", revision: await this.#write([putVm(back, this.#any(SERVER_COUNT))]) };
    const n = FIRST_FLEETING + this.#any(this.#count - FIRST_FLEETING);
    if (choice === 2 && !this.#gone.includes(n)) {
      this.#gone.push(n);
      return { kind: "gone", revision: await this.#write([{ kind: "delete", key: vmKey(n) }]) };
    }
    const stays = 2 + this.#any(FIRST_FLEETING - 2);
    return { kind: "moved", revision: await this.#write([putVm(stays, this.#any(SERVER_COUNT))]) };
  }

  /** Changes so many VMs within a second, in transactions of a hundred. @returns the revision that has all of them */
  async burst(count: number, perTransaction = 100): Promise<number> {
    const began = performance.now();
    const first = 2 + this.#any(FIRST_FLEETING - 2);
    const written: Promise<number>[] = [];
    for (let n = 0; n < count; n += perTransaction) {
      const ms = began + (n / count) * 1000 - performance.now();
      if (ms > 1) await new Promise((resolve) => setTimeout(resolve, ms));
      const server = this.#any(SERVER_COUNT);
      const vms = Array.from({ length: perTransaction }, (_, k) => 2 + ((first + n + k) % (FIRST_FLEETING - 2)));
      written.push(this.#write(vms.map((vm, k) => putVm(vm, (server + k) % SERVER_COUNT))));
    }
    return Math.max(...(await Promise.all(written)));
  }

  async #write(success: readonly Op[]): Promise<number> {
    return (await this.#client.txn({ compare: [], success })).header.revision;
  }
}
