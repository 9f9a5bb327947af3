// What Prometheus reads: the counters that `unum counters` shows, table fill, and how the daemon does.

import type { Counter } from "prom-client";
import * as prometheus from "prom-client";
import type { Counters, Fill, Traffic } from "../dataplane/index.ts";
import type { LivenessReport } from "./liveness-protocol.ts";
import type { LoopView, PassResult } from "./loop.ts";
import type { StateWord } from "./protocol.ts";
import { lagSeconds, stateWord } from "./status.ts";

export interface MetricsOptions {
  /** Counters as the maps have them now; undefined: there are no maps yet. */
  readonly counters: () => Counters | undefined;
  readonly fill: () => readonly Fill[];
  readonly view: () => LoopView;
  readonly liveness: () => LivenessReport;
  readonly now: () => number;
  readonly version: string;
}

const STATES: readonly StateWord[] = ["waiting", "applying", "in sync", "retrying", "refused"];
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Names and help of what is made of the kernel's counters. */
const KERNEL = {
  unum_packets_total: ["packets of all ports, by what became of them; received is the sum of all others", "outcome"],
  unum_sent_total: ["frames of the edge's own that it sent in the place of others", "kind"],
  unum_drop_packets_total: ["packets dropped", "reason"],
  unum_drop_bytes_total: ["bytes of packets dropped", "reason"],
  unum_endpoint_packets_total: ["packets to endpoints (tx) and from them (rx)", "endpoint", "direction"],
  unum_endpoint_bytes_total: [
    "bytes of whole outer frames to endpoints (tx) and from them (rx)",
    "endpoint",
    "direction",
  ],
  unum_tenant_packets_total: ["packets of tenants towards endpoints (tx) and from them (rx)", "tenant", "direction"],
  unum_tenant_bytes_total: ["bytes of inner packets towards endpoints (tx) and from them (rx)", "tenant", "direction"],
} as const;
type KernelCounter = keyof typeof KERNEL;

export class Metrics {
  readonly #registry = new prometheus.Registry();
  readonly #kernel = new Map<KernelCounter, Counter>();
  readonly #plan: prometheus.Histogram;
  readonly #apply: prometheus.Histogram;
  readonly #passes: Counter;
  readonly #options: MetricsOptions;

  constructor(options: MetricsOptions) {
    this.#options = options;
    const registers = [this.#registry];
    prometheus.collectDefaultMetrics({ register: this.#registry });
    for (const [name, [help, ...labelNames]] of Object.entries(KERNEL))
      this.#kernel.set(name as KernelCounter, new prometheus.Counter({ name, help, labelNames, registers }));
    const histogram = (name: string, help: string) =>
      new prometheus.Histogram({ name, help, buckets: SECONDS, registers });
    this.#plan = histogram("unum_plan_duration_seconds", "time to find out what a change of the maps takes");
    this.#apply = histogram("unum_apply_duration_seconds", "time to write a change to maps and ports");
    this.#passes = new prometheus.Counter({
      name: "unum_passes_total",
      help: "passes over the maps, by how they ended",
      labelNames: ["result"],
      registers,
    });
    for (const result of ["applied", "unchanged", "failed", "refused"]) this.#passes.inc({ result }, 0);
    this.#addGauges();
  }

  #addGauges(): void {
    const { fill, view, liveness, now, version } = this.#options;
    type Set = (labels: Record<string, string>, value: number) => void;
    const gauge = (name: string, help: string, labelNames: string[], collect: (set: Set) => void): void => {
      new prometheus.Gauge({
        name,
        help,
        labelNames,
        registers: [this.#registry],
        collect() {
          this.reset();
          collect((labels, value) => this.set(labels, value));
        },
      });
    };
    const ofTables = (pick: (fill: Fill) => number) => (set: Set) => {
      for (const one of fill()) set({ table: one.table }, pick(one));
    };
    gauge("unum_build_info", "version of the daemon", ["version"], (set) => set({ version }, 1));
    gauge(
      "unum_table_entries",
      "entries of a table",
      ["table"],
      ofTables(({ entries }) => entries),
    );
    gauge(
      "unum_table_room",
      "entries that a table holds",
      ["table"],
      ofTables(({ room }) => room),
    );
    gauge("unum_state", "1 for the state that the daemon is in", ["state"], (set) => {
      for (const state of STATES) set({ state }, state === stateWord(view()) ? 1 : 0);
    });
    gauge("unum_source_ok", "1 while the source gives states, 0 while it is broken or gone", [], (set) =>
      set({}, view().sourceError === undefined ? 1 : 0),
    );
    gauge(
      "unum_source_kept_out",
      "objects of the source that are not used, since something is wrong with them",
      [],
      (set) => set({}, view().desired?.state.keptOut.count ?? 0),
    );
    gauge("unum_source_lag_seconds", "how long the source has been ahead of the maps", [], (set) =>
      set({}, lagSeconds(view(), now())),
    );
    gauge(
      "unum_source_revision_info",
      "newest revision of the source, and the one in the maps",
      ["which", "revision"],
      (set) => {
        const { desired, applied } = view();
        if (desired !== undefined) set({ which: "source", revision: desired.state.revision }, 1);
        if (applied !== undefined) set({ which: "maps", revision: applied.state.revision }, 1);
      },
    );
    gauge("unum_bfd_session_up", "1 while the BFD session with an endpoint is up", ["endpoint"], (set) => {
      for (const { endpoint, state } of liveness().sessions) set({ endpoint }, state === "up" ? 1 : 0);
    });
    gauge("unum_bfd_session_downs", "times that the BFD session with an endpoint went down", ["endpoint"], (set) => {
      for (const { endpoint, downs } of liveness().sessions) set({ endpoint }, downs);
    });
    gauge("unum_endpoint_stale", "1 while an endpoint is left out, since it does not answer", ["endpoint"], (set) => {
      for (const { endpoint, liveness: state, drained } of liveness().sessions)
        set({ endpoint }, state === "stale" && !drained ? 1 : 0);
    });
    gauge(
      "unum_endpoint_drained",
      "1 while an endpoint is left out, since the operator wants it so",
      ["endpoint"],
      (set) => {
        const model = view().applied?.state.model;
        if (model === undefined) return;
        for (const [endpoint, { drained }] of [...model.servers, ...model.gateways]) set({ endpoint }, drained ? 1 : 0);
      },
    );
    gauge(
      "unum_endpoint_rtt_seconds",
      "round trip to an endpoint, the least of the last ten samples",
      ["endpoint"],
      (set) => {
        for (const { endpoint, roundTrip } of liveness().sessions)
          if (roundTrip !== undefined) set({ endpoint }, roundTrip.leastUs / 1e6);
      },
    );
    gauge("unum_bfd_discards", "BFD control packets that were of no use, by reason", ["reason"], (set) => {
      for (const [reason, count] of Object.entries(liveness().discards)) set({ reason }, count);
    });
    gauge("unum_bfd_unsent", "BFD control packets that the kernel did not send", [], (set) => set({}, liveness().lost));
    gauge("unum_bfd_all_silent", "1 while every endpoint that ever answered is silent", [], (set) =>
      set({}, liveness().allSilent ? 1 : 0),
    );
    gauge("unum_source_read_timestamp_seconds", "when the newest state was read", [], (set) => {
      const { desired } = view();
      if (desired !== undefined) set({}, desired.at / 1000);
    });
  }

  /** A pass that came to its end. */
  passed({ rows, ports, planMs, applyMs }: PassResult): void {
    this.#plan.observe(planMs / 1000);
    const wrote = rows > 0 || ports.length > 0;
    this.#passes.inc({ result: wrote ? "applied" : "unchanged" });
    if (wrote) this.#apply.observe(applyMs / 1000);
  }

  /** One that did not. */
  failed(refused: boolean): void {
    this.#passes.inc({ result: refused ? "refused" : "failed" });
  }

  /** In the text format of Prometheus. */
  async text(): Promise<{ readonly type: string; readonly body: string }> {
    this.#readKernel();
    return { type: this.#registry.contentType, body: await this.#registry.metrics() };
  }

  /** The kernel counts; here it is only repeated. */
  #readKernel(): void {
    const set = (name: KernelCounter, labels: Record<string, string>, value: bigint): void =>
      this.#kernel.get(name)?.inc(labels, Number(value));
    for (const counter of this.#kernel.values()) counter.reset();
    const counters = this.#options.counters();
    if (counters === undefined) return;
    const { icmpErrors, solicitations, ...outcomes } = counters.packets;
    for (const [outcome, value] of Object.entries(outcomes)) set("unum_packets_total", { outcome }, value);
    for (const [kind, value] of Object.entries({ icmpErrors, solicitations })) set("unum_sent_total", { kind }, value);
    for (const [reason, { packets, bytes }] of counters.drops) {
      set("unum_drop_packets_total", { reason }, packets);
      set("unum_drop_bytes_total", { reason }, bytes);
    }
    const traffic = (kind: "endpoint" | "tenant", all: ReadonlyMap<string, Traffic>): void => {
      for (const [name, { txPackets, rxPackets, txBytes, rxBytes }] of all) {
        const labels = (direction: string) => ({ [kind]: name, direction });
        set(`unum_${kind}_packets_total`, labels("tx"), txPackets);
        set(`unum_${kind}_packets_total`, labels("rx"), rxPackets);
        set(`unum_${kind}_bytes_total`, labels("tx"), txBytes);
        set(`unum_${kind}_bytes_total`, labels("rx"), rxBytes);
      }
    };
    traffic("endpoint", counters.endpoints);
    traffic("tenant", counters.tenants);
  }
}
