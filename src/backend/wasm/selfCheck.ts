/**
 * A check of the compiled kernels before they are used: known bits for the plain build, closeness to it for the
 * relaxed one.
 */
import { DeviceError } from '../../errors.js';
import { fnv1a } from '../../fnv1a.js';
import type { KernelTable } from '../backend.js';
import { elementsOf, operandDType, operandSpecs } from '../check.js';
import { type Dims, divergenceKinds, type KernelSpec, kernels, type Params } from '../kernels/index.js';
import type { Threads, WasmStorage } from './calls.js';
import { createTable } from './table.js';

/**
 * V8 first runs its quick compiler's code; its optimised code (and with it the packing) is there after some
 * milliseconds.
 */
const WARM_UP_MS = 40;

/** Of the bits of some floats. */
const hash = ({ buffer, byteOffset, length }: Float32Array): number =>
  fnv1a(new Uint32Array(buffer, byteOffset, length));

/** A call whose inputs are exact in binary. Its operands are stored one after another, in binding order. */
interface Probe {
  readonly kernel: 'gemmNN' | 'layerNorm' | 'divergence';
  readonly dims: Dims;
  readonly params: Params;
  /** The hashes of all outputs, exclusive-ored. */
  readonly expected: number;
}

/**
 * Shapes of two full vector steps and a tail at least; two blocks of the depth in gemm. So small that one thread does
 * it all.
 */
const probes: readonly Probe[] = [
  { kernel: 'gemmNN', dims: { m: 35, n: 53, k: 300 }, params: { accumulate: 0 }, expected: 3_231_051_729 },
  { kernel: 'layerNorm', dims: { rows: 5, cols: 85 }, params: { eps: 1e-5 }, expected: 1_618_958_206 },
  {
    kernel: 'divergence',
    dims: { rows: 3, vocab: 2101 },
    params: { weight: 0.25, temperature: 2, gradScale: 0.5, kind: divergenceKinds.skewReverseKL },
    expected: 2_441_425_355,
  },
];

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

/** Runs a probe in the scratch area at `start`; returns its outputs, still in the device's memory. */
function runProbe(
  { memory }: Threads,
  table: KernelTable,
  start: number,
  { kernel, dims, params }: Probe,
): Float32Array[] {
  const { inout, out }: KernelSpec = kernels[kernel];
  const { buffer } = memory.memory;
  const outputs: Float32Array[] = [];
  const operands: Record<string, WasmStorage> = {};
  let pointer = start;
  for (const [name, operand] of operandSpecs(kernel)) {
    const elements = elementsOf(operand, dims);
    operands[name] = { pointer, byteLength: 4 * elements, label: name };
    if (operandDType(operand) === 'i32') new Int32Array(buffer, pointer, elements).fill(1);
    if (name in { ...inout, ...out }) outputs.push(new Float32Array(buffer, pointer, elements));
    pointer += 4 * elements;
  }
  (table[kernel] as (call: unknown) => void)({ dims, operands, params });
  return outputs;
}

/** Runs every probe on fresh inputs. Under `revectorized` it repeats each until V8's packed code must be in use. */
function runProbes(
  device: Threads,
  revectorized: boolean,
  check: (probe: Probe, outputs: Float32Array[]) => DeviceError | undefined,
): DeviceError | undefined {
  const { memory } = device;
  const table = createTable(device);
  const start = memory.allocate(4 * FLOATS, 'self-check');
  try {
    for (const probe of probes) {
      const until = performance.now() + (revectorized ? WARM_UP_MS : 0);
      do {
        fill(new Float32Array(memory.memory.buffer, start, FLOATS));
        const wrong = check(probe, runProbe(device, table, start, probe));
        if (wrong) return wrong;
      } while (performance.now() < until);
    }
    return undefined;
  } finally {
    memory.free(start);
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
 * The relaxed build has no known bits: compares its kernels with those of `plain`, which has passed `selfCheck`, within
 * a tolerance. Returns the error to throw when they differ.
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
