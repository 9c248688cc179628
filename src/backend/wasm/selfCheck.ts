/**
 * A check of the compiled kernels before they are used: that fused multiply-add rounds once, and known bits of a few
 * kernels. Each arithmetic has one set of bits on all machines, so a device either has them or is not used.
 */
import { DeviceError } from '../../errors.js';
import { fnv1a } from '../../fnv1a.js';
import type { KernelTable } from '../backend.js';
import { operandDType, operandEntries, operandSpecs } from '../check.js';
import { type Dims, divergenceKinds, type KernelSpec, kernels, type Params } from '../kernels/index.js';
import type { WasmStorage } from './calls.js';
import type { OpenThreads } from './createDevice.js';
import type { WasmArithmetic } from './kernelFiles.js';
import { createTable } from './table.js';

/**
 * V8 first runs its quick compiler's code; its optimised code (and with it the packing) is there after some
 * milliseconds. Each check is repeated for so long, so that it sees both.
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
  readonly expected: Readonly<Record<WasmArithmetic, number>>;
}

/**
 * Shapes of two full vector steps and a tail at least; two blocks of the depth in gemm. So small that one thread does
 * it all.
 */
const probes: readonly Probe[] = [
  {
    kernel: 'gemmNN',
    dims: { m: 35, n: 53, k: 300 },
    params: { accumulate: 0 },
    expected: { fused: 3_621_510_306, plain: 2_592_002_918 },
  },
  {
    kernel: 'layerNorm',
    dims: { rows: 5, cols: 85 },
    params: { eps: 1e-5 },
    expected: { fused: 2_098_438_821, plain: 2_474_419_738 },
  },
  {
    kernel: 'divergence',
    dims: { rows: 3, vocab: 2101 },
    params: {
      ...{ weight: 0.25, temperature: 2, gradScale: 0.5, kind: divergenceKinds.skewReverseKL },
      ...{ teacherTemperature: 2, clamp: 0 },
    },
    expected: { fused: 3_196_071_693, plain: 821_108_791 },
  },
];

/** Floats of the scratch area that the checks use. */
const FLOATS = 64 * 1024;

/** Numbers in [-1, 1) with 24 bits, so that products are rounded; always the same. */
function fill(values: Float32Array): void {
  let state = 1;
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = (state >>> 8) / 2 ** 23 - 1;
  }
}

/** Runs a probe in the scratch area at `start`; returns its outputs, still in the device's memory. */
function runProbe(
  { memory }: OpenThreads,
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
    const elements = operandEntries(operand, dims);
    operands[name] = { pointer, byteLength: 4 * elements, label: name };
    if (operandDType(operand) === 'i32') new Int32Array(buffer, pointer, elements).fill(1);
    if (name in { ...inout, ...out }) outputs.push(new Float32Array(buffer, pointer, elements));
    pointer += 4 * elements;
  }
  (table[kernel] as (call: unknown) => void)({ dims, operands, params });
  return outputs;
}

/**
 * Runs the check in a scratch area until V8's optimised code must be in use. Returns the first error that it returns.
 */
function repeatedly(
  { memory }: OpenThreads,
  check: (start: number) => DeviceError | undefined,
): DeviceError | undefined {
  const start = memory.allocate(4 * FLOATS, 'self-check');
  try {
    const until = performance.now() + WARM_UP_MS;
    do {
      const wrong = check(start);
      if (wrong) return wrong;
    } while (performance.now() < until);
    return undefined;
  } finally {
    memory.free(start);
  }
}

/** The processor has no fused multiply-add: nothing is wrong, but arithmetic is plain, however wide vectors are. */
export class RoundsTwiceError extends DeviceError {}

/** (1 + 2^-12)^2 - (1 + 2^-11) is 2^-24; where the product is rounded first, 0. */
const ONCE_FACTOR = 1 + 2 ** -12;
const ONCE_ADDEND = -(1 + 2 ** -11);
const ROUNDED_ONCE = 2 ** -24;
/** Several full vector steps and both kinds of tail. */
const ONCE_SIZE = 1023;

/** Whether addInto, y += scale * x, rounds once in every lane. */
function roundsOnce(device: OpenThreads, table: KernelTable, start: number): boolean {
  const { buffer } = device.memory.memory;
  const x = new Float32Array(buffer, start, ONCE_SIZE).fill(ONCE_FACTOR);
  const y = new Float32Array(buffer, start + x.byteLength, ONCE_SIZE).fill(ONCE_ADDEND);
  const operand = (label: string, { byteOffset, byteLength }: Float32Array): WasmStorage => ({
    pointer: byteOffset,
    byteLength,
    label,
  });
  table.addInto({
    dims: { size: ONCE_SIZE },
    operands: { x: operand('x', x), y: operand('y', y) },
    params: { scale: ONCE_FACTOR },
  });
  return y.every((value) => value === ROUNDED_ONCE);
}

/** Checks what was compiled for this arithmetic. Returns the error to throw when something is wrong. */
export function selfCheck(
  device: OpenThreads,
  { arithmetic, revectorized }: { arithmetic: WasmArithmetic; revectorized: boolean },
): DeviceError | undefined {
  const table = createTable(device);
  if (arithmetic === 'fused') {
    const twice = repeatedly(device, (start) =>
      roundsOnce(device, table, start)
        ? undefined
        : new RoundsTwiceError('Multiply-add rounds twice on this processor.'),
    );
    if (twice) return twice;
  }
  const how = revectorized
    ? "V8's 256-bit packing gives wrong results here: start without --experimental-wasm-revectorize, or open the device with revectorize: false."
    : 'This WebAssembly engine gives wrong results: update it, or use a WebGPU device.';
  for (const probe of probes) {
    const expected = probe.expected[arithmetic];
    const wrong = repeatedly(device, (start) => {
      fill(new Float32Array(device.memory.memory.buffer, start, FLOATS));
      const outputs = runProbe(device, table, start, probe);
      const found = outputs.reduce((bits, output) => bits ^ hash(output), 0) >>> 0;
      if (found === expected) return undefined;
      return new DeviceError(
        `Self-check of ${probe.kernel}, ${arithmetic} arithmetic: bits ${found}, expected ${expected}. ${how}`,
        { found, expected },
      );
    });
    if (wrong) return wrong;
  }
  return undefined;
}
