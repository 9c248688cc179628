import { DeviceError } from '../../errors.js';
import { divergenceKinds } from '../kernels/index.js';
import { scratchBytes, type Threads } from './calls.js';

/** V8 first runs its quick compiler's code; its optimised code (and with it the packing) is there after some milliseconds. */
const WARM_UP_MS = 40;

/** FNV-1a over the 32-bit words of some floats. */
function hash({ buffer, byteOffset, length }: Float32Array): number {
  let h = 0x811c9dc5;
  for (const word of new Uint32Array(buffer, byteOffset, length)) h = Math.imul(h ^ word, 0x01000193);
  return h >>> 0;
}

interface Probe {
  readonly kernel: string;
  /** Runs the kernel on inputs that are exact in binary; returns its outputs, still in the device's memory. */
  readonly run: (device: Threads, at: number) => Float32Array[];
  /** The hashes of all outputs, exclusive-ored. */
  readonly expected: number;
}

/** Floats of the scratch area that the probes use. */
const FLOATS = 64 * 1024;

/** Numbers in [-1, 1) with 11 bits, always the same. */
function fill(values: Float32Array): void {
  let state = 1;
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = (state >>> 21) / 1024 - 1;
  }
}

const floats = ({ memory }: Threads, at: number, count: number) => new Float32Array(memory.memory.buffer, at, count);

/** Shapes of two full vector steps and a tail at least; two blocks of the depth in gemm. */
const probes: readonly Probe[] = [
  {
    kernel: 'gemmNN',
    run(device, at) {
      const [m, n, k] = [21, 53, 300];
      const [a, b, c] = [at, at + 4 * m * k, at + 4 * (m * k + k * n)];
      device.pool.parallel('gemmNN', [a, b, c, m, n, k, 0, m, n], 1, 1, scratchBytes(device, 'gemm'));
      return [floats(device, c, m * n)];
    },
    expected: 4_024_687_281,
  },
  {
    kernel: 'layerNorm',
    run(device, at) {
      const [rows, cols] = [5, 85];
      const [weight, bias, y] = [at + 4 * rows * cols, at + 4 * (rows + 1) * cols, at + 4 * (rows + 2) * cols];
      const mean = y + 4 * rows * cols;
      const args = [at, weight, bias, y, mean, mean + 4 * rows, cols, 1e-5];
      device.pool.parallel('layerNorm', args, rows, rows, scratchBytes(device, 'layerNorm'));
      return [floats(device, y, rows * cols + 2 * rows)];
    },
    expected: 2_960_181_610,
  },
  {
    kernel: 'divergence',
    run(device, at) {
      const [rows, vocab] = [3, 2101];
      const [student, labels] = [at + 4 * rows * vocab, at + 8 * rows * vocab];
      new Int32Array(device.memory.memory.buffer, labels, rows).fill(1);
      const args = [at, labels, student, labels + 4 * rows, vocab, 0.25, 2, 0.5, divergenceKinds.skewReverseKL];
      device.pool.parallel('divergence', args, rows, rows, scratchBytes(device, 'divergence', vocab));
      return [floats(device, student, rows * vocab), floats(device, labels + 4 * rows, rows)];
    },
    expected: 793_417_792,
  },
];

/** Runs every probe on fresh inputs; under `revectorized` each until V8's packed code is surely in use. */
function runProbes(
  device: Threads,
  revectorized: boolean,
  check: (probe: Probe, outputs: Float32Array[]) => DeviceError | undefined,
): DeviceError | undefined {
  const at = device.memory.allocate(4 * FLOATS, 'self-check');
  try {
    for (const probe of probes) {
      const until = performance.now() + (revectorized ? WARM_UP_MS : 0);
      do {
        fill(floats(device, at, FLOATS));
        const wrong = check(probe, probe.run(device, at));
        if (wrong) return wrong;
      } while (performance.now() < until);
    }
    return undefined;
  } finally {
    device.memory.free(at);
  }
}

/** Compares a few kernels with their known bits. Returns the error to throw when they differ. */
export function selfCheck(device: Threads, revectorized: boolean): DeviceError | undefined {
  const how = revectorized
    ? "V8's 256-bit packing gives wrong results here: start without --experimental-wasm-revectorize, or open the device with revectorize: false."
    : 'This WebAssembly engine gives wrong results: update it, or use a WebGPU device.';
  return runProbes(device, revectorized, ({ kernel, expected }, outputs) => {
    const found = outputs.reduce((bits, output) => bits ^ hash(output), 0) >>> 0;
    if (found === expected) return undefined;
    return new DeviceError(`Self-check of ${kernel}: bits ${found}, expected ${expected}. ${how}`, { found, expected });
  });
}

/** What fused multiplication may change, as a share of an output's largest value: some rounding steps of f32. */
const RELAXED_TOLERANCE = 1e-5;

/**
 * The relaxed build has no known bits: compares its kernels with those of `plain`, which has passed `selfCheck`, within a
 * tolerance. Returns the error to throw when they differ.
 */
export function relaxedCheck(device: Threads, plain: Threads, revectorized: boolean): DeviceError | undefined {
  const expected = new Map<string, Float32Array[]>();
  runProbes(plain, false, ({ kernel }, outputs) => {
    expected.set(
      kernel,
      outputs.map((output) => output.slice()),
    );
    return undefined;
  });
  return runProbes(device, revectorized, ({ kernel }, outputs) => {
    const worst = Math.max(...outputs.map((output, i) => distance(output, expected.get(kernel)?.[i] as Float32Array)));
    if (worst <= RELAXED_TOLERANCE) return undefined;
    return new DeviceError(
      `Self-check of ${kernel}: the relaxed build is off by ${worst} of the largest value, expected at most ` +
        `${RELAXED_TOLERANCE}. Open the device without relaxedSimd.`,
      { found: worst, expected: RELAXED_TOLERANCE },
    );
  });
}

/** Largest difference as a share of the largest value; NaN counts as infinite. */
function distance(found: Float32Array, expected: Float32Array): number {
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const apart = found.reduce((most, value, i) => Math.max(most, Math.abs(value - (expected[i] as number))), 0);
  return Number.isNaN(apart) ? Number.POSITIVE_INFINITY : apart / largest;
}
