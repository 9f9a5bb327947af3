import { Command, Option } from "commander";
import type { Traffic } from "../../dataplane/index.ts";
import { observe, readCounters } from "../../dataplane/index.ts";
import type { CommonOptions, Context } from "../context.ts";
import { examples, jsonOption, pinDirOption, say } from "../context.ts";
import { openPlane } from "../edge.ts";
import type { Cell } from "../render.ts";
import { json, table } from "../render.ts";

interface CounterOptions extends CommonOptions {
  readonly all?: boolean;
}

const TRAFFIC_HEADINGS = ["tx packets", "tx bytes", "rx packets", "rx bytes"];

function trafficRows(traffic: ReadonlyMap<string, Traffic>): Cell[][] {
  return [...traffic].map(([name, { txPackets, txBytes, rxPackets, rxBytes }]) => [
    name,
    txPackets,
    txBytes,
    rxPackets,
    rxBytes,
  ]);
}

/** `unum counters`. */
export function countersCommand(context: Context): Command {
  return new Command("counters")
    .description("packets and bytes, per endpoint and tenant, and drops by reason")
    .addOption(new Option("--all", "also drop reasons that never happened"))
    .addOption(pinDirOption())
    .addOption(jsonOption())
    .addHelpText("after", examples("unum counters", "unum counters --json | jq .drops"))
    .action((options: CounterOptions) => {
      const plane = openPlane(context, options);
      try {
        const counters = readCounters(plane, observe(plane));
        if (options.json === true) {
          json(context, counters);
          return;
        }
        table(context, ["packets", "count"], Object.entries(counters.packets));
        say(context, "");
        table(context, ["endpoint", ...TRAFFIC_HEADINGS], trafficRows(counters.endpoints));
        say(context, "");
        table(context, ["tenant", ...TRAFFIC_HEADINGS], trafficRows(counters.tenants));
        const drops = [...counters.drops].filter(([, { packets }]) => options.all === true || packets > 0n);
        say(context, "");
        if (drops.length === 0) say(context, "no packet was dropped");
        else
          table(
            context,
            ["drop reason", "packets", "bytes"],
            drops.map(([name, d]) => [name, d.packets, d.bytes]),
          );
      } finally {
        plane.close();
      }
    });
}
