// A model together with what this machine adds to it: the interfaces it has, and how it reaches each endpoint.

import type { Mac } from "../address/index.ts";
import type { Model } from "../model/index.ts";

/** How a frame leaves through the port it came in on: XDP_TX, or a redirect where that does not arrive (bpf/abi.h). */
export type Transmit = "direct" | "redirect";

/** An interface of this machine. */
export interface Interface {
  readonly ifindex: number;
  readonly mac: Mac;
  readonly mtuBytes: number;
  readonly transmit: Transmit;
}

/** Where outer frames to an endpoint go. */
export interface NextHop {
  readonly ifindex: number;
  /** Of the egress interface. */
  readonly sourceMac: Mac;
  /** Of the underlay neighbour. */
  readonly nextHopMac: Mac;
  /** Largest outer packet of the egress interface or the route. */
  readonly mtuBytes: number;
  /** Of the egress interface. */
  readonly transmit: Transmit;
}

/** An endpoint's word. Unknown: nobody watches it, and it is used. Watched: its liveness is kept elsewhere, by the daemon. */
export type EndpointState = "unknown" | "up" | "stale" | "admin_down" | "watched";

export interface State {
  readonly model: Model;
  /** By name; those that the model's circuits name are in it. */
  readonly interfaces: ReadonlyMap<string, Interface>;
  /** By endpoint name; absent while the neighbour is not resolved. */
  readonly nextHops: ReadonlyMap<string, NextHop>;
}
