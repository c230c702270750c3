/** What is made of a case's samples. mitata does the counting, as it would for a benchmark that it had called itself. */
import { measure } from "mitata";

export interface Statistics {
  readonly samples: number;
  readonly average: number;
  readonly min: number;
  readonly p1: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** The sample at every such part of the way from the least to the greatest: `QUANTILES` and one. */
  readonly quantiles: readonly number[];
}

/** Enough to draw a distribution from, and few enough to be kept in a file. */
export const QUANTILES = 100;

/**
 * Of more than a dozen samples mitata leaves out the two least and the two greatest: on a machine that does other things
 * as well they say more about those.
 */
export async function statistics(samples: readonly number[]): Promise<Statistics> {
  const count = samples.length;
  if (count === 0) throw new RangeError("there are no samples");
  const wrong = samples.find((sample) => !(sample >= 0 && sample < Infinity));
  if (wrong !== undefined) throw new RangeError(`${wrong} is no sample`);
  let next = 0;
  // mitata takes what a function called `manual` gives for the time it took; its types leave that out. It calls it a few
  // times for its own warm-up and then exactly so often as it is told, so that going round in circles counts each once.
  const manual = (): number => samples[next++ % count]!;
  const benchmark = function* () {
    yield { manual } as unknown as () => unknown;
  };
  const measured = await measure(benchmark, { min_samples: count, max_samples: count, min_cpu_time: 0, gc: false });
  const sorted = measured.samples;
  // Between two samples by how near each is: of few, the 99th percentile is not to be the one before the last.
  const at = (part: number): number => {
    const place = part * (sorted.length - 1);
    const below = sorted[Math.floor(place)]!;
    return below + (sorted[Math.ceil(place)]! - below) * (place % 1);
  };
  return {
    samples: count,
    average: measured.avg,
    min: at(0),
    p1: at(0.01),
    p50: at(0.5),
    p99: at(0.99),
    max: at(1),
    quantiles: Array.from({ length: QUANTILES + 1 }, (_, index) => at(index / QUANTILES)),
  };
}
