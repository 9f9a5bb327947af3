// Datagrams of BFD, in batches, for a thread that waits here and nowhere else. RFC 5881 section 4, RFC 5883 section 5.

import type { IpAddress } from "../address/index.ts";
import { ipFromBytes, ipToBytes, isV6 } from "../address/index.ts";
import type { NativeBfdSocket } from "../bpf/native.ts";
import { addon } from "../bpf/native.ts";
import type { Peer, Received } from "./sessions.ts";

/** Records of native/bfd_socket.cc: family, multihop, TTL, bytes of payload, address, payload, age. */
const RECORD_BYTES = 96;
const AT = { family: 0, multihop: 1, ttl: 2, length: 3, address: 4, payload: 20, age: 92 };
const PAYLOAD_MAX = AT.age - AT.payload;
/** Datagrams that are read before others are sent. */
const BATCH = 64;

/** Each socket belongs to the thread that opened it. Methods throw BpfError: SYSTEM_CALL, PERMISSION. */
export class Transport {
  readonly #socket: NativeBfdSocket;
  readonly #in = new Uint8Array(BATCH * RECORD_BYTES);
  readonly #view = new DataView(this.#in.buffer);
  readonly #out = new Uint8Array(BATCH * RECORD_BYTES);
  readonly #addresses = new Map<string, IpAddress>();
  #queued = 0;
  #lost = 0;

  /** @param wakeFd of a {@link Wake} in this process */
  constructor(wakeFd: number) {
    this.#socket = addon().BfdSocket.open(wakeFd);
  }

  /** Receives at an own address of this machine, and sends from it; one of each family. */
  listen(local: IpAddress): void {
    this.#socket.add(local);
  }

  /** Datagrams that the kernel did not take: no route, or no room. */
  get lost(): number {
    return this.#lost;
  }

  /** Reads a batch of what has come in. True: there may be more. */
  receive(each: (received: Received) => void): boolean {
    const count = this.#socket.receive(this.#in);
    for (let at = 0; at < count * RECORD_BYTES; at += RECORD_BYTES) {
      const length = Math.min(this.#in[at + AT.length] as number, PAYLOAD_MAX);
      each({
        from: this.#address(at),
        multihop: this.#in[at + AT.multihop] === 1,
        ttl: this.#in[at + AT.ttl] as number,
        agoUs: this.#view.getUint32(at + AT.age, true) / 1000,
        bytes: this.#in.subarray(at + AT.payload, at + AT.payload + length),
      });
    }
    return count === BATCH;
  }

  /** The same few addresses come again and again: each is made a text once. */
  #address(at: number): IpAddress {
    const length = this.#in[at + AT.family] === 6 ? 16 : 4;
    const bytes = this.#in.subarray(at + AT.address, at + AT.address + length);
    const key = Buffer.from(bytes.buffer, bytes.byteOffset, length).toString("latin1");
    let address = this.#addresses.get(key);
    if (address === undefined) {
      // Strangers may have any number of them.
      if (this.#addresses.size >= 65_536) this.#addresses.clear();
      address = ipFromBytes(bytes);
      this.#addresses.set(key, address);
    }
    return address;
  }

  /** Sends with the next {@link flush}, or when a batch is full. */
  send({ address, multihop }: Peer, bytes: Uint8Array): void {
    const at = this.#queued * RECORD_BYTES;
    this.#out[at + AT.family] = isV6(address) ? 6 : 4;
    this.#out[at + AT.multihop] = multihop ? 1 : 0;
    this.#out[at + AT.length] = bytes.length;
    this.#out.set(ipToBytes(address), at + AT.address);
    this.#out.set(bytes, at + AT.payload);
    this.#queued++;
    if (this.#queued === BATCH) this.flush();
  }

  flush(): void {
    if (this.#queued > 0) this.#lost += this.#socket.send(this.#out, this.#queued);
    this.#queued = 0;
  }

  /** Waits for datagrams, for whoever wakes it, or for so many microseconds. True: it was woken. */
  wait(us: number): boolean {
    return this.#socket.wait(Math.max(0, Math.ceil(us)));
  }

  close(): void {
    this.#socket.close();
  }
}

/** What another thread of this process wakes a {@link Transport.wait} with. */
export class Wake {
  readonly #native = addon().Wake.create();

  get fd(): number {
    return this.#native.fd();
  }

  wake(): void {
    this.#native.wake();
  }

  close(): void {
    this.#native.close();
  }
}

/** Lets the calling thread run before others of the machine. False: that is not allowed. */
export function favourThread(): boolean {
  return addon().favourThread();
}
