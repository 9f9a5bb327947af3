import { defineConfig } from "vitest/config";

// The rings: unit tests run anywhere and side by side; the others share one kernel, so one file at a time.
const ring = (name: string, groupOrder: number, alone: boolean, testTimeout: number) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    pool: "forks" as const,
    setupFiles: ["test/support/equality.ts"],
    testTimeout,
    hookTimeout: testTimeout,
    sequence: { groupOrder },
    ...(alone ? { fileParallelism: false, maxWorkers: 1 } : {}),
  },
});

export default defineConfig({
  test: { projects: [ring("unit", 0, false, 60_000), ring("kernel", 1, true, 120_000), ring("system", 2, true, 120_000)] },
});
