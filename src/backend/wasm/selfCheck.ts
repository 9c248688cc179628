import { DeviceError } from '../../errors.js';
import { divergenceKinds } from '../kernels.js';
import { type Device, scratchBytes } from './calls.js';

/** V8 first runs its quick compiler's code; its optimised code (and with it the packing) is there after some milliseconds. */
const WARM_UP_MS = 40;

/** FNV-1a over 32-bit words. */
function hash(words: Uint32Array): number {
  let h = 0x811c9dc5;
  for (const word of words) h = Math.imul(h ^ word, 0x01000193);
  return h >>> 0;
}

interface Probe {
  readonly kernel: string;
  /** Runs the kernel on inputs that are exact in binary; returns the bits of its outputs, hashed. */
  readonly run: (device: Device, at: number) => number;
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

const words = ({ memory }: Device, at: number, count: number) => new Uint32Array(memory.memory.buffer, at, count);

/** Shapes of two full vector steps and a tail at least; two blocks of the depth in gemm. */
const probes: readonly Probe[] = [
  {
    kernel: 'gemmNN',
    run(device, at) {
      const [m, n, k] = [21, 53, 300];
      const [a, b, c] = [at, at + 4 * m * k, at + 4 * (m * k + k * n)];
      device.pool.parallel('gemmNN', [a, b, c, m, n, k, 0, m, n], 1, 1, scratchBytes(device, 'gemm'));
      return hash(words(device, c, m * n));
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
      return hash(words(device, y, rows * cols + 2 * rows));
    },
    expected: 2_960_181_610,
  },
  {
    kernel: 'divergence',
    run(device, at) {
      const [rows, vocab] = [3, 2101];
      const [student, labels] = [at + 4 * rows * vocab, at + 8 * rows * vocab];
      words(device, labels, rows).fill(1);
      const args = [at, labels, student, labels + 4 * rows, vocab, 0.25, 2, 0.5, divergenceKinds.skewReverseKL];
      device.pool.parallel('divergence', args, rows, rows, scratchBytes(device, 'divergence', vocab));
      return hash(words(device, student, rows * vocab)) ^ hash(words(device, labels + 4 * rows, rows));
    },
    expected: 793_417_792,
  },
];

/**
 * Compares a few kernels with their known bits. Under `revectorized` each runs until V8's packed code is surely in use.
 * Returns the error to throw when they differ.
 */
export function selfCheck(device: Device, revectorized: boolean): DeviceError | undefined {
  const at = device.memory.allocate(4 * FLOATS, 'self-check');
  try {
    for (const { kernel, run, expected } of probes) {
      const until = performance.now() + (revectorized ? WARM_UP_MS : 0);
      do {
        fill(new Float32Array(device.memory.memory.buffer, at, FLOATS));
        const found = run(device, at) >>> 0;
        if (found !== expected) {
          const how = revectorized
            ? "V8's 256-bit packing gives wrong results here: start without --experimental-wasm-revectorize, or open the device with revectorize: false."
            : 'This WebAssembly engine gives wrong results: update it, or use a WebGPU device.';
          return new DeviceError(`Self-check of ${kernel}: bits ${found}, expected ${expected}. ${how}`, {
            found,
            expected,
          });
        }
      } while (performance.now() < until);
    }
    return undefined;
  } finally {
    device.memory.free(at);
  }
}
