import { expect, it } from "vitest";
import { ACME, CIRCUIT, GLOBEX } from "../../lab/plan.ts";
import { ping, transfer } from "../../lab/traffic.ts";
import { useStage } from "../support/lab.ts";

const stage = useStage([ACME, GLOBEX]);
const tenants = [ACME, GLOBEX];

it("gives tenants with the same addresses each their own VMs", async () => {
  for (const tenant of tenants) {
    const customer = stage.lab.namespace(tenant.customer);
    for (const vm of tenant.vms.filter((vm) => !vm.hidden)) {
      const meter = await stage.edge.meter();
      expect(await ping(customer, vm.address, { count: 5 }), `${tenant.name} ${vm.address}`).toMatchObject({
        lost: [],
      });
      const counted = await meter();
      for (const server of ["s1", "s2"]) {
        const sent = counted(server).txPackets;
        expect(sent, `${tenant.name} ${vm.address} over ${server}`).toBe(server === vm.server ? 5 : 0);
      }
    }
  }
});

it("carries their traffic at the same time without mixing it", async () => {
  const results = await Promise.all(
    tenants.map((tenant) =>
      transfer(stage.lab.namespace(tenant.customer), stage.lab.vm(tenant, "172.16.0.1"), "172.16.0.1", 16 << 20),
    ),
  );
  for (const result of results) expect(result.intact).toBe(true);
});

it("shows a VM of one tenant to no other: an address that only acme has goes nowhere for globex", async () => {
  const customer = stage.lab.namespace(GLOBEX.customer);
  expect(await ping(customer, "172.16.0.2", { waitMs: 200 })).toMatchObject({ received: 0 });
  expect(await ping(stage.lab.namespace(ACME.customer), "172.16.0.2")).toMatchObject({ lost: [] });
  expect(await ping(stage.lab.vm(GLOBEX, "172.16.0.1"), CIRCUIT.customer, { count: 5 })).toMatchObject({ lost: [] });
});
