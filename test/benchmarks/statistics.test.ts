import { expect, test } from "bun:test";
import { expectCount } from "../../benchmarks/harness/expect.ts";
import { Laps } from "../../benchmarks/harness/laps.ts";
import { statistics } from "../../benchmarks/harness/statistics.ts";

test("each sample counts once, in whatever order", async () => {
  const { samples, average, min, p50, max } = await statistics([3, 1, 2]);
  expect({ samples, average, min, p50, max }).toEqual({ samples: 3, average: 2, min: 1, p50: 2, max: 3 });
});

test("of many samples the two least and the two greatest are left out", async () => {
  const all = Array.from({ length: 105 }, (_, index) => index);
  const { samples, average, min, p1, p50, p99, max } = await statistics(all.toReversed());
  expect({ samples, average, min, p1, p50, p99, max }).toEqual({
    samples: 105,
    average: 52,
    min: 2,
    p1: 3,
    p50: 52,
    p99: 101,
    max: 102,
  });
});

test("of few samples the percentiles lie between them", async () => {
  const { p50, p99, quantiles } = await statistics([0, 100]);
  expect(p50).toBe(50);
  expect(p99).toBeCloseTo(99);
  expect(quantiles).toHaveLength(101);
  expect(quantiles[25]).toBeCloseTo(25);
});

test.each([[[]], [[Number.NaN]], [[-1]], [[Number.POSITIVE_INFINITY]]])("%p are no samples", async (samples) => {
  await expect(statistics(samples)).rejects.toThrow(RangeError);
});

test("laps give one figure for each batch that counts", () => {
  const laps = new Laps(10, 3, 2);
  for (let batch = 0; batch < laps.count; batch++) laps.mark();
  expect(() => laps.samples()).toThrow("marks: 5, where it should have been 6");
  laps.mark();
  expect(laps.samples()).toHaveLength(3);
});

test("work that was not done ends the benchmark", () => {
  expectCount("pings", 3, 3);
  expect(() => expectCount("pings", 2, 3)).toThrow("pings: 2, where it should have been 3");
});
