import type { Device } from 'distillm';
import type { Size } from '../frame/benchmark.ts';
import { type Measurement, measure } from '../frame/measure.ts';

export interface ManyCalls {
  readonly name: string;
  /** Of one call. */
  readonly flops: number;
  /** Starts a product without waiting for it. */
  readonly start: () => void;
  readonly size: Size;
  readonly peakTflops?: number | undefined;
}
/** Long enough that waiting for the device does not count, but where nobody reads the numbers. */
const secondsPerTiming = { full: 0.1, small: 0.1, tiny: 0 } as const satisfies Record<Size, number>;

/** GFLOP/s of many calls that a GPU works on one after the other, and what share of its peak that is. */
export async function measureSideBySide(
  device: Device,
  { name, flops, start, size, peakTflops }: ManyCalls,
): Promise<Measurement> {
  const { software, description } = device.info;
  const many = async (calls: number) => {
    for (let i = 0; i < calls; i++) start();
    await device.finish();
  };
  const calls = await enough(many, secondsPerTiming[size]);
  const measured = await measure({
    case: name,
    unit: 'GFLOP/s',
    of: (seconds) => (flops * calls) / seconds / 1e9,
    call: () => many(calls),
    seconds: size === 'tiny' ? 0 : software ? 0.2 : 1,
    calls: 3,
  });
  const notes = [
    description,
    ...(software ? ['a software adapter: shapes at a sixteenth'] : []),
    ...(peakTflops ? [`${((0.1 * measured.median) / peakTflops).toPrecision(2)}% of ${peakTflops} TFLOP/s`] : []),
  ];
  return { ...measured, note: notes.join(', ') };
}

async function enough(many: (calls: number) => Promise<void>, seconds: number): Promise<number> {
  for (let calls = 1; ; calls *= 2) {
    const start = performance.now();
    await many(calls);
    if (performance.now() - start > 1000 * seconds) return calls;
  }
}

/** A shape for this adapter: on a software adapter a sixteenth of every side. */
export const divisorOf = (device: Device, size: Size): number =>
  device.info.software || size === 'tiny' ? 16 : size === 'small' ? 2 : 1;
