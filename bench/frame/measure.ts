/** One case: what was measured, in which unit, and how it spread. */
export interface Measurement {
  readonly case: string;
  readonly unit: string;
  /** Median over the runs, in `unit`. */
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
  readonly note?: string;
}

interface Timing {
  readonly case: string;
  readonly unit: string;
  /** Turns seconds per call into `unit`: `(s) => flops / s / 1e9`. */
  readonly of: (seconds: number) => number;
  /** One whole call, waited for. */
  readonly call: () => void | Promise<void>;
  /** At least this long in all (2), and at least this many calls (5). */
  readonly seconds?: number;
  readonly calls?: number;
  readonly warmup?: number;
  readonly note?: string;
}

/** Times `call` after a warm-up. */
export async function measure({ call, of, seconds = 2, calls = 5, warmup = 2, ...rest }: Timing): Promise<Measurement> {
  for (let i = 0; i < warmup; i++) await call();
  const values: number[] = [];
  const start = performance.now();
  while (values.length < calls || performance.now() - start < seconds * 1000) {
    const before = performance.now();
    await call();
    // A page's clock ticks every 5 us: a shorter call may take no time at all.
    values.push(of(Math.max(performance.now() - before, 0.005) / 1000));
  }
  return summary({ ...rest, values });
}

/** Median and spread of ready values. */
export function summary({
  values,
  ...rest
}: {
  case: string;
  unit: string;
  values: readonly number[];
  note?: string;
}): Measurement {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1] as number, sorted[sorted.length >> 1] as number];
  return {
    ...rest,
    median: (low + high) / 2,
    min: sorted[0] as number,
    max: sorted.at(-1) as number,
    runs: sorted.length,
  };
}

/** Numbers in [-1, 1) that do not depend on the machine. */
export function noise(length: number, seed = 1): Float32Array {
  const values = new Float32Array(length);
  let state = seed >>> 0;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = state / 2 ** 31 - 1;
  }
  return values;
}

/** Token t of a row of a batch. */
export const tokenAt = (row: number, t: number, vocab: number): number => (row * 7919 + t * 104_729) % vocab;
