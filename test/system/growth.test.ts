import { describe, expect, it } from "vitest";
import { documentOf } from "../../lab/plan.ts";
import { ping, startPing } from "../../lab/traffic.ts";
import { useStage } from "../support/lab.ts";

const stage = useStage();
const customer = () => stage.lab.namespace("customer");
const madeFor = async () => (await stage.edge.run("show")).match(/VMs of (\d+)/)?.[1];

describe("VM tables of another size, under traffic", () => {
  it("take over by command and by themselves, larger and smaller, with no packet lost", {
    timeout: 120_000,
  }, async () => {
    expect((await ping(customer(), "172.16.0.4")).lost).toEqual([]);
    const there = await startPing(customer(), "172.16.0.4", 1);
    const before = await madeFor();
    for (const vms of ["2048", "40000", "1024"]) {
      await stage.edge.run("edge", "set", "--vms", vms, "--vms-max", vms, "--vms6", vms, "--vms6-max", vms);
      expect(await madeFor()).toBe(vms);
    }
    // More VMs than that: the table doubles, and the new VMs are there.
    const many = Array.from(
      { length: 1500 },
      (_, n) => `      172.17.${n >> 8}.${n & 255}: {server: s1, mac: 02:00:00:00:00:01}\n`,
    );
    const document = documentOf(stage.lab.tenants);
    await stage.edge.write(
      document
        .replace(/edge:\n/, "edge:\n  capacity: {vms: 1024, vms6: 1024}\n")
        .replace(/ {4}vms:\n/, `    vms:\n${many.join("")}`),
    );
    await stage.edge.run("apply");
    expect(await madeFor()).toBe("2048");
    expect(await stage.edge.quietly("plan")).toMatchObject({ status: 0 });
    await stage.edge.write(document);
    await stage.edge.run("apply");
    expect(await madeFor()).toBe(before);
    const result = await there.end();
    expect(result.sent).toBeGreaterThan(1000);
    expect(result).toMatchObject({ lost: [], duplicates: 0 });
  });
});
