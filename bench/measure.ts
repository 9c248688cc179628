/** One timed case: what was measured, in which unit, and how it spread. */
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
  /** At least this long in all, at least 5 calls. */
  readonly seconds?: number;
  readonly warmup?: number;
}

/** Times `call` after a warm-up and prints the measurement as a line of JSON for bench/run.ts. */
export async function measure({ call, of, unit, seconds = 2, warmup = 2, ...rest }: Timing): Promise<Measurement> {
  for (let i = 0; i < warmup; i++) await call();
  const values: number[] = [];
  const start = performance.now();
  while (values.length < 5 || performance.now() - start < seconds * 1000) {
    const before = performance.now();
    await call();
    values.push(of((performance.now() - before) / 1000));
  }
  return report({ case: rest.case, unit, values });
}

/** Prints the median and spread of ready values. */
export function report(result: { case: string; unit: string; values: number[]; note?: string }): Measurement {
  const sorted = result.values.toSorted((a, b) => a - b);
  const measurement: Measurement = {
    case: result.case,
    unit: result.unit,
    median: sorted[Math.floor(sorted.length / 2)] as number,
    min: sorted[0] as number,
    max: sorted.at(-1) as number,
    runs: sorted.length,
    ...(result.note === undefined ? {} : { note: result.note }),
  };
  console.log(JSON.stringify(measurement));
  return measurement;
}

/** `--name value` of this process, or the default. */
export function argument(name: string, fallback: string): string {
  const index = process.argv.indexOf(`--${name}`);
  return index < 0 ? fallback : (process.argv[index + 1] ?? fallback);
}

/** Numbers in [-1, 1) that do not depend on the machine. */
export function noise(length: number, seed = 1): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}
