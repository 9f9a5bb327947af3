// The device that a map or program was offloaded to. Its name is known only in its own network namespace.

import { statSync } from "node:fs";
import type { OffloadDevice } from "../bpf/map.ts";
import { links } from "../bpf/rtnetlink.ts";
import type { Output } from "./output.ts";

const NAMESPACE = "/proc/self/ns/net";

function nameOf({ ifindex, netnsDevice, netnsInode }: OffloadDevice): string | undefined {
  const here = statSync(NAMESPACE, { bigint: true });
  if (here.dev !== netnsDevice || here.ino !== netnsInode) return undefined;
  return links().find((link) => link.ifindex === ifindex)?.name;
}

export function showDevice(output: Output, device: OffloadDevice): void {
  const { json } = output;
  const { ifindex, netnsDevice, netnsInode } = device;
  if (ifindex === 0) return;
  const name = nameOf(device);
  if (json === undefined) {
    output.text(`  offloaded_to ${name ?? `ifindex ${ifindex} ns_dev ${netnsDevice} ns_ino ${netnsInode}`}`);
    return;
  }
  json.name("dev");
  json.startObject();
  json.field("ifindex", ifindex);
  json.field("ns_dev", netnsDevice);
  json.field("ns_inode", netnsInode);
  if (name !== undefined) json.field("ifname", name);
  json.endObject();
}
