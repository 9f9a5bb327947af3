import { Command, Option } from "commander";
import { detachPort, observe, PinDirectory, removeEdge } from "../../dataplane/index.ts";
import { attachProven, portNotices } from "../../edge/attach.ts";
import { UnumError } from "../../errors.ts";
import type { PortMode, PortRole } from "../../model/index.ts";
import { DEFAULT_VM_CAPACITY, DEFAULT_VM6_CAPACITY, RANGES } from "../../model/index.ts";
import type { CommonOptions, Context } from "../context.ts";
import { examples, jsonOption, pinDirOption, say, warn } from "../context.ts";
import { findDaemon } from "../daemon.ts";
import { loadPlane } from "../edge.ts";
import { json } from "../render.ts";
import * as value from "../values.ts";

interface AttachOptions extends CommonOptions {
  readonly role: PortRole;
  readonly mode: PortMode;
  readonly vmCapacity: number;
  readonly vm6Capacity: number;
}

/** `unum attach NIC`. */
export function attachCommand(context: Context): Command {
  return new Command("attach")
    .description("run the packet path on a NIC; loads programs and tables if there are none")
    .argument("<nic>", "interface", value.interfaceName)
    .addOption(
      new Option("--role <role>", "access faces customers, underlay faces servers and gateways")
        .choices(["access", "underlay", "both"])
        .makeOptionMandatory(),
    )
    .addOption(
      new Option("--mode <mode>", "XDP in the driver, or in the stack")
        .choices(["native", "generic"])
        .default("native"),
    )
    .addOption(
      new Option("--vm-capacity <vms>", `VMs that new tables are made for, up to ${RANGES.vmCapacity.max}`)
        .argParser(value.integer("vmCapacity"))
        .default(DEFAULT_VM_CAPACITY),
    )
    .addOption(
      new Option("--vm6-capacity <vms>", `the same for VMs with IPv6 addresses, up to ${RANGES.vm6Capacity.max}`)
        .argParser(value.integer("vm6Capacity"))
        .default(DEFAULT_VM6_CAPACITY),
    )
    .addOption(pinDirOption())
    .addOption(jsonOption())
    .addHelpText("after", examples("unum attach e0 --role access", "unum attach e1 --role underlay --mode generic"))
    .action((nic: string, options: AttachOptions) => {
      const plane = loadPlane(context, options, { vmCapacity: options.vmCapacity, vm6Capacity: options.vm6Capacity });
      try {
        const { role, mode } = options;
        const attached = attachProven(plane, { name: nic, role, mode }, observe(plane).state?.model);
        const { action, proof, faults } = attached;
        if (options.json === true) json(context, { name: nic, role, mode, action, proof, faults });
        else say(context, `${nic}: ${action} (${role}, ${mode})${proof?.result === "works" ? ", and it works" : ""}`);
        for (const notice of portNotices(attached)) warn(context, notice);
      } finally {
        plane.close();
      }
    });
}

interface DetachOptions extends CommonOptions {
  readonly all?: boolean;
}

/** `unum detach NIC|--all`. */
export function detachCommand(context: Context): Command {
  return new Command("detach")
    .description("take the packet path off a NIC; with --all off every NIC, and remove programs and tables")
    .argument("[nic]", "interface", value.interfaceName)
    .addOption(new Option("--all", "every NIC, and everything that is pinned"))
    .addOption(pinDirOption())
    .addOption(jsonOption())
    .addHelpText("after", examples("unum detach e0", "unum detach --all"))
    .action(async (nic: string | undefined, options: DetachOptions) => {
      if ((nic === undefined) === (options.all !== true)) {
        throw new UnumError("USAGE", "detach: expected the name of a NIC, or --all");
      }
      const pins = new PinDirectory(options.pinDir);
      if (!pins.exists()) {
        if (options.all !== true) throw notAttached(nic as string, options.pinDir);
        report(context, options, []);
        return;
      }
      if (options.all === true) {
        const daemon = await findDaemon(options.pinDir);
        if (daemon !== undefined) throw keptUp(options.pinDir, daemon.status.pid);
        report(context, options, removeEdge(pins));
        return;
      }
      const plane = loadPlane(context, options);
      try {
        if (!detachPort(plane.pins, nic as string)) throw notAttached(nic as string, options.pinDir);
        report(context, options, [nic as string]);
      } finally {
        plane.close();
      }
    });
}

function keptUp(pinDir: string, pid: number): UnumError {
  return new UnumError("DAEMON_RUNNING", `detach all of ${pinDir}: its daemon, process ${pid}, would make it again`, {
    remedy: `stop the daemon first: systemctl stop unum, or kill ${pid}`,
  });
}

function notAttached(nic: string, pinDir: string): UnumError {
  return new UnumError("INTERFACE_MISSING", `detach ${nic}: it is not attached by the edge pinned at ${pinDir}`, {
    remedy: "unum show ports lists those that are",
  });
}

function report(context: Context, options: DetachOptions, detached: readonly string[]): void {
  if (options.json === true) {
    json(context, { detached, removed: options.all === true });
    return;
  }
  for (const name of detached) say(context, `${name}: detached`);
  if (options.all === true) say(context, `${options.pinDir}: removed`);
}
