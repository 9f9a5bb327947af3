// What objects under keys refer to. An object goes with what it refers to: when that is kept out, or is not there at all.

import type { Gateway, Model, Route, Server, Tenant } from "../model/index.ts";
import { missingCircuit, missingEndpoint, missingProfile, missingServer, suggestion } from "../model/index.ts";
import { placed } from "./keyed-value.ts";

/** Names that are looked for when one is missing, in one pass: comparing many with many takes seconds. */
const HINTS_MAX = 100;

/** Which objects have a key and are not in the model. */
export interface KeptOutObjects {
  has(kind: "profile" | "server" | "gateway", name: string): boolean;
  hasCircuit(tenant: string, name: string): boolean;
}

export class References {
  readonly #model: Model;
  readonly #out: KeptOutObjects;
  readonly #servers = new Map<string, string | undefined>();
  #hints = 0;

  /** @param model without what is kept out; its maps may shrink while this is used */
  constructor(model: Model, out: KeptOutObjects) {
    this.#model = model;
    this.#out = out;
  }

  /** Each returns why the object cannot stay, or undefined. */
  profile({ profile }: Pick<Server | Gateway, "profile">): string | undefined {
    if (this.#out.has("profile", profile)) return placed(["profile"], `profile ${profile} is kept out`);
    if (this.#model.profiles.has(profile)) return undefined;
    return placed(
      ["profile"],
      missingProfile(
        profile,
        this.#hint(profile, () => this.#model.profiles.keys()),
      ),
    );
  }

  standby(name: string, { standby }: Server): string | undefined {
    if (standby === undefined || standby === name) return undefined;
    const cause = this.server(standby);
    return cause === undefined ? undefined : placed(["standby"], cause);
  }

  tenant({ servers }: Tenant): string | undefined {
    return this.#endpoints("servers", servers);
  }

  route(tenant: string, { circuits }: Tenant, route: Route): string | undefined {
    if (route.kind === "endpoints") return this.#endpoints("via", route.via);
    const { circuit } = route;
    if (circuits.has(circuit)) return undefined;
    const cause = this.#out.hasCircuit(tenant, circuit)
      ? `circuit ${circuit} is kept out`
      : missingCircuit(
          tenant,
          circuit,
          this.#hint(circuit, () => circuits.keys()),
        );
    return placed(["circuit"], cause);
  }

  /** Why there can be no VM on a server. */
  server(name: string): string | undefined {
    if (this.#model.servers.has(name)) return undefined;
    let cause = this.#servers.get(name);
    if (cause === undefined) {
      if (this.#out.has("server", name)) cause = `server ${name} is kept out`;
      else if (this.#hints++ < HINTS_MAX) cause = missingServer({ model: this.#model }, name);
      else cause = `no server is named ${JSON.stringify(name)}, expected one`;
      this.#servers.set(name, cause);
    }
    return cause;
  }

  #endpoints(field: string, names: readonly string[]): string | undefined {
    const { servers, gateways } = this.#model;
    for (const name of names) {
      if (servers.has(name) || gateways.has(name)) continue;
      if (this.#out.has("server", name)) return placed([field], `server ${name} is kept out`);
      if (this.#out.has("gateway", name)) return placed([field], `gateway ${name} is kept out`);
      const hint = this.#hint(name, () => [...gateways.keys(), ...servers.keys()]);
      return placed([field], missingEndpoint(name, hint));
    }
    return undefined;
  }

  #hint(name: string, candidates: () => Iterable<string>): string {
    return this.#hints++ < HINTS_MAX ? suggestion(name, candidates()) : "";
  }
}
