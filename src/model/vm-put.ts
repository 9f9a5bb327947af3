// One VM as it is to be: what a source tells of it that changes VMs one at a time.

import type { IpAddress } from "../address/index.ts";
import type { Vm } from "./types.ts";

export interface VmPut {
  readonly tenant: string;
  readonly address: IpAddress;
  /** Undefined: there is to be none. */
  readonly to: Vm | undefined;
}
