// A switch that puts customers into VLANs, for kernels without a VLAN device of their own.
//
//   customer ── port ─┐
//   customer ── port ─┤ switch ├─ trunk ── the edge's access port

import type { OpenVSwitch } from "./open-vswitch.ts";

/** A customer's tags on the trunk, the outer one first; none for an untagged customer. */
export interface VlanPort {
  readonly port: string;
  readonly tags: readonly VlanTag[];
}

export interface VlanTag {
  readonly type: "802.1q" | "802.1ad";
  readonly id: number;
}

const ETHERTYPES = { "802.1q": "0x8100", "802.1ad": "0x88a8" } as const;
/** Set in the OpenFlow field of a VLAN's number where there is a tag at all. */
const PRESENT = 0x1000;

/** The flows of a switch between its customers and a trunk. A tag's type is written, and not looked at. */
export function vlanFlows(trunk: string, ports: readonly VlanPort[]): readonly string[] {
  return ports.flatMap(({ port, tags }, index) => {
    const table = index + 1;
    const [outer, inner] = tags;
    const push = [...tags]
      .reverse()
      .map(({ type, id }) => `push_vlan:${ETHERTYPES[type]},set_field:${PRESENT | id}->vlan_vid,`);
    const out = `in_port=${port},actions=${push.join("")}output:${trunk}`;
    if (!outer) return [out, `in_port=${trunk},vlan_tci=0x0000/0x1fff,actions=output:${port}`];
    if (!inner) return [out, `in_port=${trunk},dl_vlan=${outer.id},actions=pop_vlan,output:${port}`];
    return [
      out,
      `in_port=${trunk},dl_vlan=${outer.id},actions=pop_vlan,goto_table:${table}`,
      `table=${table},dl_vlan=${inner.id},actions=pop_vlan,output:${port}`,
    ];
  });
}

/** Makes a bridge of a switch forward between its customers and a trunk, and nothing else. */
export function setVlans(ovs: OpenVSwitch, bridge: string, trunk: string, ports: readonly VlanPort[]): Promise<void> {
  return ovs.setFlows(bridge, ...vlanFlows(trunk, ports));
}
