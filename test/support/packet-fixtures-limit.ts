// Rate limits: what conforms, what exceeds, and what either writes into its meter. A meter is a moment; a test sets it.

import type { Packet } from "./packet-builder.ts";
import { FAMILIES, type Family, fromCircuit, ip, toCircuit } from "./packet-circuits.ts";
import type { EdgeUnderTest } from "./packet-edge.ts";
import { delivered, dropped, type Fixture, tunneled } from "./packet-fixture.ts";
import { fromEndpoint, overheadOf, toEndpoint } from "./packet-frames.ts";
import { WORLD } from "./packet-world.ts";

const SECOND = 1_000_000_000n;
/** 64 KiB at 8 Mbit/s, and at 80. */
const BURST = { slow: 65_536_000n, metered: 6_553_600n } as const;
/** Nanoseconds that a byte costs. */
const COST = { slow: 1000n, metered: 100n } as const;

type MeterName = "profile slow" | "tenant metered to endpoints" | "tenant metered from endpoints";
interface Meter {
  readonly map: string;
  readonly struct: "profile_meter" | "tenant_meter";
  readonly kind: "profile" | "tenant";
  readonly object: "slow" | "metered";
  readonly field: string;
}
const METERS: Readonly<Record<MeterName, Meter>> = {
  "profile slow": { map: "profile_meters", struct: "profile_meter", kind: "profile", object: "slow", field: "time" },
  "tenant metered to endpoints": {
    ...{ map: "tenant_meters", struct: "tenant_meter", kind: "tenant", object: "metered" },
    field: "tx_time",
  },
  "tenant metered from endpoints": {
    ...{ map: "tenant_meters", struct: "tenant_meter", kind: "tenant", object: "metered" },
    field: "rx_time",
  },
};

const now = () => process.hrtime.bigint();

function read(edge: EdgeUnderTest, name: MeterName): bigint {
  const { map, struct, kind, object, field } = METERS[name];
  return edge.row(map, struct, edge.index(kind, object))[field] as bigint;
}

/** How a meter stands before a packet: `ahead` of now, or long ago. */
interface State {
  readonly name: string;
  /** Nanoseconds that it is ahead of the moment at which the test sets it; undefined: it has never been used. */
  readonly ahead?: bigint;
  readonly conforms: boolean;
}

function statesOf(object: "slow" | "metered"): readonly State[] {
  const burst = BURST[object];
  return [
    { name: "never used", conforms: true },
    { name: "not used for a while", ahead: -100n * SECOND, conforms: true },
    { name: "a burst ahead", ahead: burst, conforms: true },
    { name: "far ahead", ahead: burst + 100n * SECOND, conforms: false },
    // The packet comes later than the moment by which the meter was set: this is more than a test takes.
    { name: "ten seconds more than a burst ahead", ahead: burst + 10n * SECOND, conforms: false },
  ];
}

/** Sets one meter, and the others to never used; says afterwards by how much that one moved. */
class Watch {
  readonly meter: MeterName;
  readonly state: State;
  readonly bytes: number;
  #set = 0n;
  #at = 0n;

  constructor(meter: MeterName, state: State, bytes: number) {
    this.meter = meter;
    this.state = state;
    this.bytes = bytes;
  }

  arrange = (edge: EdgeUnderTest): (() => void) => {
    const { map, struct, kind, object, field } = METERS[this.meter];
    for (const { map, struct, kind, object } of Object.values(METERS)) {
      const blank = struct === "profile_meter" ? { time: 0n } : { tx_time: 0n, rx_time: 0n };
      edge.change(map, struct, edge.index(kind, object), blank);
    }
    this.#at = now();
    this.#set = this.state.ahead === undefined ? 0n : this.#at + this.state.ahead;
    return edge.change(map, struct, edge.index(kind, object), { [field]: this.#set });
  };

  after = (edge: EdgeUnderTest): string | undefined => {
    const found = read(edge, this.meter);
    const cost = BigInt(this.bytes) * COST[METERS[this.meter].object];
    const tell = (what: string) => `${this.meter} moved by ${found - this.#set} ns, expected ${what}`;
    if (!this.state.conforms) return found === this.#set ? undefined : tell("0");
    // Rounding of a byte's cost is below a part in a million.
    const tolerance = cost / 1_000_000n + 1n;
    const off = found - this.#set - cost;
    if (this.#set > this.#at && off <= tolerance && off >= -tolerance) return undefined;
    // A meter that was ahead may be passed by the clock before the packet comes.
    if (this.#set > now()) return tell(`${cost}`);
    // From now on, whenever that was.
    const [first, last] = [this.#at + cost - tolerance, now() + cost + tolerance];
    return found >= first && found <= last ? undefined : tell(`${cost} from the moment of the packet on`);
  };
}

const make = (family: Family, source: string, destination: string, ttl: number, bytes: number): Packet =>
  ip(family, { source, destination, ttl }).udp({ source: 1, destination: 2 }).payload(bytes);

const ADDRESSES = {
  4: { customer: "10.50.0.2", vm: "172.50.0.1", other: "172.50.0.2" },
  6: { customer: "2001:db8:50::2", vm: "2001:db8:5000::1", other: "2001:db8:5000::2" },
} as const;
const headers = { 4: 28, 6: 48 } as const;

/** From a customer into a tunnel. */
function sending(
  tenant: "metered" | "slowed",
  family: Family,
  vm: "vm" | "other",
  meter: MeterName,
  state: State,
  bytes: number,
): Fixture {
  const destination = ADDRESSES[family][vm];
  const { customer } = ADDRESSES[family];
  const document = WORLD.tenants[tenant];
  const { server = "", mac = "" } = document?.vms?.[destination] ?? {};
  const inner = headers[family] + bytes;
  const watch = new Watch(meter, state, meter === "profile slow" ? inner + overheadOf(server) : inner);
  return {
    role: "access",
    port: "a0",
    name: `rate limit: IPv${family} of ${tenant}, ${bytes} bytes to ${server}, ${meter}: ${state.name}`,
    input: fromCircuit(`${tenant}/tag`, make(family, customer, destination, 64, bytes)).padding(10),
    end: state.conforms
      ? tunneled(
          `${server}/${tenant}`,
          toEndpoint(server, document?.vni ?? 0, mac, make(family, customer, destination, 63, bytes)),
        )
      : dropped("rate_limit"),
    arrange: watch.arrange,
    after: watch.after,
  };
}

/** Out of a tunnel onto a circuit. */
function receiving(family: Family, state: State, bytes: number): Fixture {
  const { customer, vm } = ADDRESSES[family];
  const server = family === 6 ? "g6" : "s1";
  const watch = new Watch("tenant metered from endpoints", state, headers[family] + bytes);
  return {
    role: "underlay",
    port: "u0",
    name: `rate limit: IPv${family} of metered, ${bytes} bytes from ${server}: ${state.name}`,
    input: fromEndpoint(server, 500, make(family, vm, customer, 64, bytes)),
    end: state.conforms
      ? delivered(toCircuit("metered/tag", make(family, vm, customer, 63, bytes)))
      : dropped("rate_limit"),
    ...(state.conforms ? { rx: `${server}/metered` } : {}),
    arrange: watch.arrange,
    after: watch.after,
  };
}

const all = FAMILIES.flatMap((family): Fixture[] => [
  ...statesOf("slow").flatMap((state) => [
    sending("slowed", family, "vm", "profile slow", state, 100),
    sending("metered", family, "other", "profile slow", state, 1001),
  ]),
  ...statesOf("metered").flatMap((state) => [
    sending("metered", family, "vm", "tenant metered to endpoints", state, 100),
    sending("metered", family, "other", "tenant metered to endpoints", state, 1001),
    receiving(family, state, 100),
    receiving(family, state, 1001),
  ]),
]);

/** What is dropped for another reason first costs nothing. */
const unpaid: readonly Fixture[] = (["profile slow", "tenant metered to endpoints"] as const).map((meter) => {
  const state = { name: "a packet that expires", ahead: 5n * SECOND, conforms: false };
  const watch = new Watch(meter, state, 0);
  const expiring = make(4, ADDRESSES[4].customer, ADDRESSES[4].other, 1, 40);
  return {
    ...sending("metered", 4, "other", meter, state, 40),
    input: fromCircuit("metered/tag", expiring, { ethernet: { source: "01:00:00:00:00:01" } }),
    end: dropped("ttl_expired"),
    arrange: watch.arrange,
    after: watch.after,
  };
});

export const limitFixtures: readonly Fixture[] = [...all, ...unpaid];
