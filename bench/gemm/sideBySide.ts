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
}
/** Long enough that waiting for the device does not count, but where nobody reads the numbers. */
const secondsPerTiming = { large: 0.05, full: 0.1, small: 0.1, tiny: 0 } as const satisfies Record<Size, number>;

/** GFLOP/s of many calls that a GPU works on one after the other. */
export async function measureSideBySide(device: Device, { name, flops, start, size }: ManyCalls): Promise<Measurement> {
  const { software } = device.info;
  const many = async (calls: number) => {
    for (let i = 0; i < calls; i++) start();
    await device.finish();
  };
  // A GPU that was idle, while the operands were made, takes a tenth of a second or two to reach its clock.
  if (size === 'large') await busy(many, 0.2);
  const calls = await enough(many, secondsPerTiming[size]);
  return measure({
    case: name,
    unit: 'GFLOP/s',
    of: (seconds) => (flops * calls) / seconds / 1e9,
    call: () => many(calls),
    seconds: { large: 0.15, full: software ? 0.2 : 1, small: 0.2, tiny: 0 }[size],
    calls: 3,
    warmup: 1,
  });
}

async function busy(many: (calls: number) => Promise<void>, seconds: number): Promise<void> {
  const start = performance.now();
  while (performance.now() - start < 1000 * seconds) await many(8);
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
