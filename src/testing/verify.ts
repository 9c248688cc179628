/**
 * Whether a device computes what its kernels mean: every kernel on all cases of the tests, against the float64
 * reference. A wrong driver shows here, before a run of hours.
 */
import * as z from 'zod';
import { type Device, deviceOption } from '../backend/backend.js';
import { formatOf, type WeightFormat } from '../backend/kernels/formats.js';
import { type KernelName, kernels } from '../backend/kernels/index.js';
import { startProfile } from '../backend/profile.js';
import type { WebGPUDevice } from '../backend/webgpu/device.js';
import { floatTiles, type GemmVariant } from '../backend/webgpu/products/variants.js';
import { f16ToF32, f32ToF16 } from '../halfFloats.js';
import { requireOption } from '../requireOption.js';
import { checkOption, checkOptions, type Fields, ranges } from '../settings/index.js';
import type { AnyCase } from './case.js';
import { cases } from './cases/index.js';
import { caseLabel, type Prepared, prepare, runCase } from './compare.js';
import { compareUlp } from './ulp.js';

/** How one kernel did on one device. */
export interface KernelVerdict {
  /** Its name in the kernel table. */
  readonly kernel: string;
  /** How the weight that it multiplies or looks up is held. */
  readonly format: WeightFormat;
  /** Cases that ran, products of a GPU once for each way to multiply them. */
  readonly cases: number;
  /** The largest error of any output as a share of what is allowed: above 1 the kernel is wrong. */
  readonly used: number;
  /** The case in which that was. */
  readonly worst: string;
  /** Rate of the largest case, by the device's own clock; absent where the device has no timestamps. */
  readonly rate?: {
    /** In `unit`. */
    readonly value: number;
    /** What limits the kernel decides. */
    readonly unit: 'GFLOP/s' | 'GB/s';
  };
  /** How long its checks took. */
  readonly seconds: number;
  /** How much of that was spent on the CPU, on data and the float64 reference. */
  readonly referenceSeconds: number;
  /** What is wrong, and where. */
  readonly failure?: string;
}

/** What is checked. */
export interface VerifyOptions {
  /** Kernels whose names contain this text; all by default. */
  readonly kernels?: string;
  /** Cases of each kernel, evenly spread over all; every case by default. */
  readonly most?: number;
}

const verifyOptions = z.strictObject({
  kernels: z.string('some text of their names').default(''),
  most: ranges.count.default(Number.MAX_SAFE_INTEGER),
} satisfies Fields<VerifyOptions>);

/** Runs of the largest case that are timed. */
const timedRuns = 5;

/**
 * Checks every kernel of a device, one after the other, in the order of the kernel table.
 * @example
 * for await (const { kernel, used, failure } of verifyDevice(device)) console.log(kernel, used, failure ?? 'right');
 * @throws OptionError, also when no kernel has that in its name; DisposedError when the device was disposed of
 */
export async function* verifyDevice(device: Device, options: VerifyOptions = {}): AsyncGenerator<KernelVerdict> {
  checkOption('verifyDevice', 'device', device, deviceOption);
  const { kernels: wanted, most } = checkOptions('verifyDevice', verifyOptions, options);
  const chosen = (Object.keys(kernels) as KernelName[]).filter((name) => name.includes(wanted));
  const expected = `part of the name of a kernel: ${Object.keys(kernels).join(', ')}`;
  requireOption('verifyDevice', 'kernels', wanted, chosen.length > 0, expected);
  for (const kernel of chosen) {
    const all = cases[kernel] as readonly AnyCase[];
    const step = Math.max(1, all.length / most);
    const chosen = Array.from({ length: Math.min(most, all.length) }, (_, i) => all[Math.floor(i * step)] as AnyCase);
    yield await verifyKernel(device, kernel, chosen);
  }
}

async function verifyKernel(device: Device, kernel: KernelName, chosen: readonly AnyCase[]): Promise<KernelVerdict> {
  const format = formatOf(kernel);
  const started = performance.now();
  let [used, worst, referenceSeconds, runs] = [0, '', 0, 0];
  let largest: { prepared: Prepared; elements: number } | undefined;
  const verdict = (): KernelVerdict => ({
    ...{ kernel, format, cases: runs, used, worst },
    ...{ seconds: (performance.now() - started) / 1000, referenceSeconds },
  });
  for (const { testCase, variant } of runsOf(device, kernel, chosen)) {
    const begun = performance.now();
    const prepared = prepare(kernel, onMatrices(device, kernel) ? withHalves(testCase) : testCase);
    referenceSeconds += (performance.now() - begun) / 1000;
    runs++;
    const label = variant
      ? `${caseLabel(testCase)}, ${variant.tile} tiles, ${variant.parts} parts of k`
      : caseLabel(testCase);
    const elements = prepared.operands.reduce((sum, { before }) => sum + before.length, 0);
    if (elements > (largest?.elements ?? -1)) largest = { prepared, elements };
    try {
      const results = await withVariant(device, variant, () => runCase(device, device.info.description, prepared));
      for (const [output, want] of Object.entries(prepared.want)) {
        const got = results[output] as ArrayLike<number>;
        const { outside, worst: found } = compareUlp(got, want, prepared.allowed);
        const share = found.ulp / Math.max(prepared.allowed, 1);
        if (share >= used) [used, worst] = [share, `${output}, ${label}`];
        if (outside > 0) {
          const where = `${output}[${found.index}] is ${found.got}, expected ${found.want}`;
          return { ...verdict(), failure: `${label}: ${where}; ${outside} elements are wrong` };
        }
      }
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return { ...verdict(), used: Infinity, failure: `${label}: ${message}` };
    }
  }
  const rate = largest && (await rateOf(device, largest.prepared));
  return { ...verdict(), ...(rate && { rate }) };
}

interface Run {
  readonly testCase: AnyCase;
  readonly variant?: GemmVariant;
}
/**
 * A GPU chooses tiles by the size of a product, and the cases are small: those of some rows and steps of k run once more
 * with each tile, k whole and in two parts. Not on software adapters, which take seconds to compile a tile, and never
 * take the large one.
 */
function runsOf(device: Device, kernel: KernelName, chosen: readonly AnyCase[]): Run[] {
  const plain = chosen.map((testCase) => ({ testCase }));
  const { gemm } = device as Partial<WebGPUDevice>;
  if (!gemm || device.info.software || !/^(gemm|linear)/.test(kernel)) return plain;
  const tiled = chosen.filter(({ dims }) => (dims.m as number) > 16 && (dims.k as number) > 32);
  const variants = floatTiles.flatMap((tile) => [1, 2].map((parts) => ({ tile, parts })));
  return [...plain, ...tiled.flatMap((testCase) => variants.map((variant) => ({ testCase, variant })))];
}

async function withVariant<T>(device: Device, variant: GemmVariant | undefined, work: () => Promise<T>): Promise<T> {
  const { gemm } = device as Partial<WebGPUDevice>;
  if (!gemm || !variant) return work();
  const { forced } = gemm;
  gemm.forced = variant;
  try {
    return await work();
  } finally {
    gemm.forced = forced;
  }
}

/** Products with f16 weights of a GPU opened with `subgroupMatrices` round their left operand to f16, as documented there. */
const onMatrices = (device: Device, kernel: KernelName): boolean =>
  /^(gemm|linear).*F16$/.test(kernel) && (device as Partial<WebGPUDevice>).gemm?.matrixUnit !== undefined;

/** The case with a left operand that f16 holds, so that the float64 reference knows of no rounding. */
const withHalves = (testCase: AnyCase): AnyCase => ({
  ...testCase,
  prepare(given, ...more) {
    testCase.prepare?.(given, ...more);
    given.a?.set(f16ToF32(f32ToF16(Float32Array.from(given.a))));
  },
});

async function rateOf(device: Device, prepared: Prepared): Promise<KernelVerdict['rate']> {
  let profile: ReturnType<typeof startProfile>;
  try {
    profile = startProfile(device);
  } catch {
    return undefined; // no timestamps
  }
  for (let i = 0; i < timedRuns; i++) await runCase(device, device.info.description, prepared);
  await profile.stop();
  const [found] = profile.kernels();
  if (!found || !(found.milliseconds > 0)) return undefined;
  return found.bound === 'memory'
    ? { value: found.gbPerSecond, unit: 'GB/s' }
    : { value: found.gflopPerSecond, unit: 'GFLOP/s' };
}
