// Networks made to measure: what a test needs is added piece by piece, and all of it goes at once.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Edge, PIN_DIRECTORY } from "./edge.ts";
import {
  addAddress,
  connect,
  createNamespace,
  type End,
  ip,
  type Namespace,
  removeNamespace,
  sysctl,
} from "./network.ts";
import { OpenVSwitch } from "./open-vswitch.ts";

/** Someone in an overlay: a VM or a customer. */
export interface Guest {
  readonly mac: string;
  /** With prefix length, of either family. */
  readonly addresses: readonly string[];
  readonly mtuBytes?: number;
}

/** A guest's router in the overlay, where it needs no address of its own network: on-link, and its MAC is told. */
export const ROUTER4 = "169.254.0.1";
export const ROUTER6 = "fe80::1";

export class Fabric {
  readonly #namespaces = new Map<string, Namespace>();
  readonly #edges: Edge[] = [];
  readonly #switches: OpenVSwitch[] = [];
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async create(): Promise<Fabric> {
    return new Fabric(await mkdtemp(join(tmpdir(), "unum-fabric-")));
  }

  /** In the order in which they were made. */
  get edges(): readonly Edge[] {
    return this.#edges;
  }

  /** A namespace of that name. Throws when there is none. */
  at(name: string): Namespace {
    const found = this.#namespaces.get(name);
    if (!found) throw new Error(`find namespace ${name}: the fabric has ${[...this.#namespaces.keys()].join(", ")}`);
    return found;
  }

  /** New namespaces, with both families. */
  async add(...names: readonly string[]): Promise<void> {
    await Promise.all(
      names.map(async (name) => {
        this.#namespaces.set(name, await createNamespace(name, { ipv6: true }));
      }),
    );
  }

  /** A new namespace that forwards between its devices. */
  async addRouter(name: string): Promise<Namespace> {
    await this.add(name);
    await sysctl(this.at(name), 1, "ipv4/ip_forward", "ipv6/conf/all/forwarding");
    return this.at(name);
  }

  /** A new namespace with a bridge br0. `plug` joins it. */
  async addBridge(name: string, mtuBytes = 1500): Promise<void> {
    await this.add(name);
    await ip(this.at(name), "link add br0 type bridge mcast_snooping 0", `link set br0 mtu ${mtuBytes} up`);
  }

  /** Joins a new device of a host to a bridge made by `addBridge`. */
  async plug(host: string, device: string, bridge: string, end: Partial<End> = {}): Promise<void> {
    const { mtuBytes } = end;
    const port: End = { namespace: this.at(bridge), name: `to-${host}`.slice(0, 15), master: "br0", gro: true };
    await connect({ namespace: this.at(host), name: device, ...end }, { ...port, ...(mtuBytes ? { mtuBytes } : {}) });
  }

  /** `unum` in a namespace, with pins of its own. Applies nothing. */
  async edge(name: string, document: string): Promise<Edge> {
    const pinDirectory = `${PIN_DIRECTORY}-${name}`;
    const edge = await Edge.within(this.at(name), document, { pinDirectory });
    this.#edges.push(edge);
    return edge;
  }

  /** Open vSwitch in a namespace. */
  async openVSwitch(name: string): Promise<OpenVSwitch> {
    const started = await OpenVSwitch.start(this.at(name), join(this.directory, name));
    this.#switches.push(started);
    return started;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const edge of this.#edges) await edge.quietly("detach", "--all");
    for (const edge of this.#edges) await rm(edge.pinDirectory, { recursive: true, force: true });
    await Promise.all(this.#switches.map((one) => one[Symbol.asyncDispose]()));
    await Promise.all([...this.#namespaces.values()].map(removeNamespace));
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** Gives a device in a guest's namespace its addresses, and a router at that MAC as the way to everything else. */
export async function settleGuest(
  namespace: Namespace,
  device: string,
  guest: Guest,
  routerMac: string,
): Promise<void> {
  const has6 = guest.addresses.some((address) => address.includes(":"));
  const has4 = guest.addresses.some((address) => !address.includes(":"));
  const routers = [...(has4 ? [ROUTER4] : []), ...(has6 ? [ROUTER6] : [])];
  await ip(
    namespace,
    `link set ${device} address ${guest.mac}`,
    ...(guest.mtuBytes ? [`link set ${device} mtu ${guest.mtuBytes}`] : []),
    `link set ${device} up`,
    ...guest.addresses.map((address) => addAddress(address, device)),
    ...routers.flatMap((router) => [
      `neigh replace ${router} lladdr ${routerMac} dev ${device} nud permanent`,
      `route replace default via ${router} dev ${device} onlink`,
    ]),
  );
}

export interface KernelTunnel {
  /** Name of the VXLAN device in the guest's namespace. */
  readonly device: string;
  readonly vni: number;
  readonly local: string;
  readonly remote: string;
  readonly port?: number;
  /** Further words for `ip link add … type vxlan`, such as udp6zerocsumrx. */
  readonly options?: string;
}

/**
 * The kernel's VXLAN device as a server with one guest: its packets come and go in the server's namespace, its frames in
 * the guest's.
 */
export async function addKernelTunnel(
  server: Namespace,
  guest: Namespace,
  plan: KernelTunnel,
  who: Guest,
  routerMac: string,
): Promise<void> {
  const { device, vni, local, remote, port = 4789, options = "" } = plan;
  await ip(
    server,
    `link add ${device} type vxlan id ${vni} local ${local} remote ${remote} dstport ${port} nolearning ${options}`,
    `link set ${device} netns ${guest.name}`,
  );
  await settleGuest(guest, device, who, routerMac);
}
