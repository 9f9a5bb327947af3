// The part of validation that is about VMs. There may be millions, nearly all of them right: a pass over their records
// picks out those that need a closer look.

import type { IpAddress } from "../address/index.ts";
import type { Validation } from "./checks.ts";
import { missingServer, requireStationMac, requireUnicast } from "./checks.ts";
import type { ModelPath, Problem } from "./problems.ts";
import { Problems } from "./problems.ts";
import type { Model, Tenant, Vm } from "./types.ts";
import type { NamePool, PackedVms } from "./vm-set.ts";

/**
 * Whether the address of a record is plainly that of one host, and its MAC that of one interface. False means that
 * requireUnicast and requireStationMac have to look.
 */
export function isPlainRecord(words: Uint32Array, at: number, addressWords: 1 | 4): boolean {
  const first = words[at] as number;
  if (addressWords === 1) {
    const octet = first >>> 24;
    if (octet === 0 || octet === 127 || octet >= 224) return false;
  } else if (first >>> 16 === 0 || first >>> 16 >= 0xfe80) return false;
  const [high, low] = [words[at + addressWords] as number, words[at + addressWords + 1] as number];
  return (high & 0x0100_0000) === 0 && (high !== 0 || low >>> 16 !== 0);
}

/** Whether VMs may be on a server, by its number in `names`. */
export function serverTest({ model, unread }: Validation, names: NamePool): (server: number) => boolean {
  const all = unread("servers");
  const known: (boolean | undefined)[] = [];
  return (server) => {
    let answer = known[server];
    if (answer === undefined) {
      const name = names.name(server);
      answer = all || model.servers.has(name) || unread("servers", name);
      known[server] = answer;
    }
    return answer;
  };
}

export function validateVms(
  validation: Validation,
  tenantName: string,
  { vms }: Tenant,
  taken: ReadonlyMap<IpAddress, string>,
): void {
  const isServer = serverTest(validation, vms.names);
  const look = (position: number): void => {
    const [address, vm] = vms.at(position);
    validateVm(validation, tenantName, address, vm, isServer(vms.names.number(vm.server)));
  };
  const pass = ({ words, count, stride }: PackedVms, addressWords: 1 | 4, first: number): void => {
    for (let n = 0, at = 0; n < count; n++, at += stride) {
      if (isPlainRecord(words, at, addressWords) && isServer(words[at + stride - 1] as number)) continue;
      if (validation.problems.full) return;
      look(first + n);
    }
  };
  pass(vms.packed4, 1, 0);
  pass(vms.packed6, 4, vms.packed4.count);
  for (const [address, owner] of taken) if (vms.has(address)) addTaken(validation, tenantName, address, owner);
}

function pathOf(tenantName: string, address: IpAddress, ...rest: string[]): ModelPath {
  return ["tenants", tenantName, "vms", address, ...rest];
}

function addTaken({ problems }: Validation, tenantName: string, address: IpAddress, owner: string): void {
  problems.add(pathOf(tenantName, address), `${address} is ${owner}, expected another address`);
}

function validateVm(validation: Validation, tenantName: string, address: IpAddress, vm: Vm, hasServer: boolean): void {
  requireUnicast(validation, pathOf(tenantName, address), address, "a VM");
  requireStationMac(validation, pathOf(tenantName, address, "mac"), vm.mac);
  if (hasServer) return;
  validation.problems.add(pathOf(tenantName, address, "server"), missingServer(validation, vm.server));
}

/** What validation has to say about one VM of a tenant, for who reads VMs one at a time. */
export function vmProblems(
  { model, unread }: { readonly model: Model; readonly unread: Validation["unread"] },
  tenantName: string,
  address: IpAddress,
  vm: Vm,
  taken: ReadonlyMap<IpAddress, string>,
): readonly Problem[] {
  const validation = { model, unread, problems: new Problems() };
  const hasServer = model.servers.has(vm.server) || unread("servers", vm.server);
  validateVm(validation, tenantName, address, vm, hasServer);
  const owner = taken.get(address);
  if (owner !== undefined) addTaken(validation, tenantName, address, owner);
  return validation.problems.list;
}
