// Circuits ↔ rows of circuits, circuit_records and attachments.

import {
  interfaceAddressOf,
  ipv4FromNumber,
  ipv4ToNumber,
  ipv6Kind,
  macFromBytes,
  macToBytes,
  prefixAddress,
  prefixLength,
  ZERO_MAC,
} from "../address/index.ts";
import type { Interface, State, Transmit } from "../control/state.ts";
import { UnumError } from "../errors.ts";
import type { Circuit, Tenant } from "../model/index.ts";
import { circuitName } from "./indexes.ts";
import { addressWords, ipv6FromWords } from "./ip-words.ts";
import type { RowBuilder } from "./row-builder.ts";
import type { Field, RowReader } from "./row-reader.ts";
import { slotEntry } from "./slots.ts";
import type { DecodedTenants } from "./tenant-rows.ts";
import { vniBytes } from "./vni.ts";

/** IEEE 802.1Q and 802.1ad: EtherTypes of tags. */
const TAGS: Readonly<Record<NonNullable<Circuit["tag"]>, number>> = { "802.1q": 0x8100, "802.1ad": 0x88a8 };
const TAG_BYTES = 4;

/**
 * Bytes by which tags lower what an IP packet of a circuit may have, below the port's MTU. A veth, which is sent to by redirect,
 * drops frames above its MTU and 14 bytes (veth_xdp_xmit); elsewhere one tag fits on top (xdp_ok_fwd_dev).
 */
function tagRoom(transmit: Transmit, vlan: number, innerVlan: number): number {
  const tags = (vlan === 0 ? 0 : 1) + (innerVlan === 0 ? 0 : 1);
  return TAG_BYTES * (transmit === "redirect" ? tags : Math.max(0, tags - 1));
}

function circuitInterface(state: State, tenant: string, name: string, circuit: Circuit): Interface {
  const found = state.interfaces.get(circuit.interface);
  if (found !== undefined) return found;
  throw new UnumError(
    "INTERFACE_MISSING",
    `compile circuit ${tenant}/${name}: there is no interface ${JSON.stringify(circuit.interface)}; nothing was written`,
    { remedy: "ip link show lists the interfaces that exist; correct the document or make the interface" },
  );
}

export function compileCircuit(
  builder: RowBuilder,
  tenantName: string,
  tenant: Tenant,
  name: string,
  circuit: Circuit,
): void {
  const { layout } = builder;
  const { address, peer, address6, peer6, vlan = 0, innerVlan = 0, tag, peerMac } = circuit;
  const index = builder.index("circuit", circuitName(tenantName, name));
  const tenantIndex = builder.index("tenant", tenantName);
  const port = circuitInterface(builder.input.state, tenantName, name, circuit);
  const vni = vniBytes(tenant.vni);
  let flags = layout.number("circuit_flags", "CIRCUIT_VALID");
  if (peerMac !== undefined) flags |= layout.number("circuit_flags", "CIRCUIT_PEER_STATIC");

  const word = layout.encode("circuit", { tenant: tenantIndex, flags });
  const record = layout.encode("circuit_record", {
    ifindex: port.ifindex,
    vlan,
    inner_vlan: innerVlan,
    tag: tag === undefined ? 0 : TAGS[tag],
    mtu: Math.min(port.mtuBytes, 0xffff) - tagRoom(port.transmit, vlan, innerVlan),
    mac: macToBytes(port.mac),
    peer_mac: macToBytes(peerMac ?? ZERO_MAC),
    vni,
    transmit: builder.transmit(port.transmit),
    ...(address === undefined || peer === undefined
      ? {}
      : {
          address: ipv4ToNumber(prefixAddress(address)),
          prefix_length: prefixLength(address),
          peer: ipv4ToNumber(peer),
        }),
    ...(address6 === undefined || peer6 === undefined
      ? {}
      : {
          address6: addressWords(prefixAddress(address6)),
          prefix_length6: prefixLength(address6),
          peer6: addressWords(peer6),
        }),
  });
  builder.circuits.set(index, { word, record });
  builder.egress.add(port.ifindex);
  builder.name("CIRCUIT", index, circuitName(tenantName, name));
  builder.name("PORT", port.ifindex, circuit.interface);
  const attachment = layout.encode("attachment_slot", {
    ifindex: port.ifindex,
    vlan,
    inner_vlan: innerVlan,
    vni,
    flags: builder.slotUsed,
    tenant: tenantIndex,
    circuit: index,
  });
  builder.attachments.set(...slotEntry(attachment));
}

/** Adds circuits to their tenants, and gives the interfaces that they are on. */
export function decodeCircuits(reader: RowReader, tenants: DecodedTenants): Map<string, Interface> {
  const { layout } = reader;
  const interfaces = new Map<string, Interface>();
  const transmits = layout.names("transmit", "TRANSMIT_");
  const isStatic = layout.number("circuit_flags", "CIRCUIT_PEER_STATIC");
  for (const [index, { word, record }] of reader.input.rows.circuits) {
    const where = `circuits[${index}]`;
    const row = reader.fields("circuit_record", record);
    const name = reader.name("circuit", index, where);
    const tenant = tenants.of(row.vni as Uint8Array, where);
    const addresses = { ...decodeIpv4(reader, row, where), ...decodeIpv6(reader, row, where) };
    const tags = decodeTags(reader, row, where);
    const transmit = reader.meaning(transmits, row.transmit as number, "transmit", where) as Transmit | undefined;
    if (name === undefined || tenant === undefined || tags === undefined || transmit === undefined) continue;
    if (Object.keys(addresses).length === 0) {
      reader.problems.push(`${where}: it has no address`);
      continue;
    }
    const ifindex = row.ifindex as number;
    const interfaceName = reader.names.port.get(ifindex) ?? `if${ifindex}`;
    const { flags } = reader.fields("circuit", word) as { flags: number };
    tenant.circuits.set(name.slice(name.indexOf("/") + 1), {
      interface: interfaceName,
      ...tags,
      ...addresses,
      ...(flags & isStatic ? { peerMac: macFromBytes(row.peer_mac as Uint8Array) } : {}),
    });
    const room = tagRoom(transmit, tags.vlan ?? 0, tags.innerVlan ?? 0);
    const mac = macFromBytes(row.mac as Uint8Array);
    interfaces.set(interfaceName, { ifindex, mac, mtuBytes: (row.mtu as number) + room, transmit });
  }
  return interfaces;
}

function decodeTags(
  reader: RowReader,
  row: Field,
  where: string,
): Pick<Circuit, "vlan" | "innerVlan" | "tag"> | undefined {
  const { vlan, inner_vlan: innerVlan, tag: number } = row as Record<"vlan" | "inner_vlan" | "tag", number>;
  if (vlan === 0 && innerVlan === 0) return {};
  const [tag] = Object.entries(TAGS).find(([, etherType]) => etherType === number) ?? [];
  if (tag === undefined) {
    reader.problems.push(`${where}: tag 0x${number.toString(16)} is neither 802.1q nor 802.1ad`);
    return undefined;
  }
  return { vlan, ...(innerVlan === 0 ? {} : { innerVlan }), tag: tag as NonNullable<Circuit["tag"]> };
}

function decodeIpv4(reader: RowReader, row: Field, where: string): Pick<Circuit, "address" | "peer"> {
  const { address, prefix_length: length, peer } = row as Record<"address" | "prefix_length" | "peer", number>;
  if (address === 0) return {};
  if (length > 32) {
    reader.problems.push(`${where}: prefix length ${length} is above 32`);
    return {};
  }
  return { address: interfaceAddressOf(ipv4FromNumber(address), length), peer: ipv4FromNumber(peer) };
}

function decodeIpv6(reader: RowReader, row: Field, where: string): Pick<Circuit, "address6" | "peer6"> {
  const address = ipv6FromWords(row.address6 as number[]);
  const length = row.prefix_length6 as number;
  const kind = ipv6Kind(address);
  if (kind === "unspecified") return {};
  if (length > 128 || kind === "mapped") {
    const what = length > 128 ? `prefix length ${length} is above 128` : `address ${address} is IPv4-mapped`;
    reader.problems.push(`${where}: ${what}`);
    return {};
  }
  return { address6: interfaceAddressOf(address, length), peer6: ipv6FromWords(row.peer6 as number[]) };
}
