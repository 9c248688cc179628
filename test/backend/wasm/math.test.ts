import asc from 'assemblyscript/asc';
import { describe, expect, it } from 'vitest';
import { normalDensity, normalShare } from '../../../src/testing/reference/normal.js';
import { arithmetics } from '../../harness/arithmetics.js';

/** Applies the vector functions of assembly/compute/shared/math.ts to `count` floats at `x` (a multiple of 4). */
const entry = `
import { exp4, log1p4, log4, logistic4, normalDensity4, normalShare4 } from './assembly/compute/shared/math';
export function exp(x: usize, y: usize, count: u32): void {
  for (let i: u32 = 0; i < count << 2; i += 16) v128.store(y + i, exp4(v128.load(x + i)));
}
export function log(x: usize, y: usize, count: u32): void {
  for (let i: u32 = 0; i < count << 2; i += 16) v128.store(y + i, log4(v128.load(x + i)));
}
export function log1p(x: usize, y: usize, count: u32): void {
  for (let i: u32 = 0; i < count << 2; i += 16) {
    const v = v128.load(x + i);
    v128.store(y + i, log1p4(v, f32x4.add(v, f32x4.splat(1))));
  }
}
export function logistic(x: usize, y: usize, count: u32): void {
  for (let i: u32 = 0; i < count << 2; i += 16) v128.store(y + i, logistic4(v128.load(x + i)));
}
export function share(x: usize, y: usize, count: u32): void {
  for (let i: u32 = 0; i < count << 2; i += 16) v128.store(y + i, normalShare4(v128.load(x + i)));
}
export function density(x: usize, y: usize, count: u32): void {
  for (let i: u32 = 0; i < count << 2; i += 16) v128.store(y + i, normalDensity4(v128.load(x + i)));
}
`;

const COUNT = 1 << 18;

async function compile(...features: string[]) {
  const { readFile } = await import('node:fs/promises');
  let binary: Uint8Array | undefined;
  const { error, stderr } = await asc.main(
    [
      'mathEntry.ts',
      '--outFile',
      'math.wasm',
      '--runtime',
      'stub',
      ...['simd', ...features].flatMap((feature) => ['--enable', feature]),
      '--initialMemory',
      '64',
      '-O3',
    ],
    {
      readFile: async (name) => (name === 'mathEntry.ts' ? entry : await readFile(name, 'utf8').catch(() => null)),
      writeFile: (_, contents) => {
        binary = contents as Uint8Array;
      },
    },
  );
  if (error) throw new Error(stderr.toString());
  const { instance } = await WebAssembly.instantiate(binary as Uint8Array<ArrayBuffer>, {
    env: { abort: () => expect.unreachable() },
  });
  const exports = instance.exports as Record<string, (x: number, y: number, count: number) => void> & {
    memory: WebAssembly.Memory;
  };
  return (name: string, values: (index: number) => number): [Float32Array, Float32Array] => {
    const x = new Float32Array(exports.memory.buffer, 4096, COUNT);
    const y = new Float32Array(exports.memory.buffer, 4096 + 4 * COUNT, COUNT);
    for (let i = 0; i < COUNT; i++) x[i] = values(i / (COUNT - 1));
    exports[name]!(x.byteOffset, y.byteOffset, COUNT);
    return [x.slice(), y.slice()];
  };
}

const ulpAt = (value: number) => 2 ** (Math.floor(Math.log2(Math.max(Math.abs(value), 2 ** -126))) - 23);

function worst([x, y]: [Float32Array, Float32Array], exact: (x: number) => number, scale = Math.abs): number {
  return x.reduce((most, value, i) => {
    const want = exact(value);
    return Math.max(most, Math.abs(y[i]! - want) / ulpAt(scale(want)));
  }, 0);
}

type Run = Awaited<ReturnType<typeof compile>>;
const runs: Record<string, Run> = {};
for (const arithmetic of arithmetics) {
  runs[arithmetic] = await compile(...(arithmetic === 'fused' ? ['relaxed-simd'] : []));
}

describe.each(arithmetics)('%s arithmetic', (arithmetic) => {
  const run = runs[arithmetic]!;
  it('exp: 1 ULP in its range, fused 0.92, exactly 1 at 0, 0 below', () => {
    expect(
      worst(
        run('exp', (t) => -87.3365 + t * 175.63),
        Math.exp,
      ),
    ).toBeLessThanOrEqual(arithmetic === 'fused' ? 0.92 : 1);
    expect(
      worst(
        run('exp', (t) => (t - 0.5) * 2e-3),
        Math.exp,
      ),
    ).toBeLessThanOrEqual(arithmetic === 'fused' ? 0.92 : 1);
    const [, special] = run(
      'exp',
      (t) => [0, -0, -87.34, -1000, Number.NEGATIVE_INFINITY, Number.NaN][t * (COUNT - 1)] ?? 0,
    );
    expect([...special.subarray(0, 6)]).toEqual([1, 1, 0, 0, 0, Number.NaN]);
  });

  it('log: 1 ULP of at least 0.5, exactly 0 at 1, finite at 0', () => {
    const scale = (want: number) => Math.max(Math.abs(want), 0.5);
    expect(
      worst(
        run('log', (t) => 2 ** (-126 + 253.9 * t)),
        Math.log,
        scale,
      ),
    ).toBeLessThanOrEqual(1);
    expect(
      worst(
        run('log', (t) => 0.7 + t),
        Math.log,
        scale,
      ),
    ).toBeLessThanOrEqual(1);
    const [, special] = run('log', (t) => [1, 0, 1e-45][t * (COUNT - 1)] ?? 1);
    expect(special[0]).toBe(0);
    expect(special[1]).toBeCloseTo(Math.log(2 ** -126), 4);
    expect(special[2]).toBe(special[1]);
  });

  it('log1p: 2 ULP for all x >= 0', () => {
    expect(
      worst(
        run('log1p', (t) => 2 ** (-120 + 240 * t)),
        Math.log1p,
      ),
    ).toBeLessThanOrEqual(2);
    expect(
      worst(
        run('log1p', (t) => 2 * t),
        Math.log1p,
      ),
    ).toBeLessThanOrEqual(2);
  });

  it('logistic: 3 ULP for |x| <= 87', () => {
    const logistic = (x: number) => 1 / (1 + Math.exp(-x));
    expect(
      worst(
        run('logistic', (t) => -87 + 174 * t),
        logistic,
      ),
    ).toBeLessThanOrEqual(3);
  });

  it('share of a normal distribution: 2^-23, and 1e-4 of itself in the lower tail, 0 and 1 at the ends', () => {
    const difference = worst(
      run('share', (t) => -12 + 24 * t),
      normalShare,
      () => 1,
    );
    expect(difference).toBeLessThanOrEqual(1);
    const [x, y] = run('share', (t) => -5.5 + 5.5 * t);
    expect(x.every((at, i) => Math.abs(y[i]! / normalShare(at) - 1) < 1e-4)).toBe(true);
    const ends = [Number.NEGATIVE_INFINITY, -1e30, -20, 0, 20, 1e30, Number.POSITIVE_INFINITY, Number.NaN];
    const [, special] = run('share', (t) => ends[t * (COUNT - 1)] ?? 0);
    expect([...special.subarray(0, 8)]).toEqual([0, 0, 0, 0.5, 1, 1, 1, Number.NaN]);
  });

  it('density of a normal distribution: 2^-23, and 0 far out', () => {
    const difference = worst(
      run('density', (t) => -12 + 24 * t),
      normalDensity,
      () => 1,
    );
    expect(difference).toBeLessThanOrEqual(1);
    const [, special] = run('density', (t) => [-1e30, 14, 0][t * (COUNT - 1)] ?? 0);
    expect([...special.subarray(0, 3)]).toEqual([0, 0, Math.fround(1 / Math.sqrt(2 * Math.PI))]);
  });
});
