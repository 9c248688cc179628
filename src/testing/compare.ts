import type { Device, Storage, TypedArray } from '../backend/backend.js';
import { bindDims, type OperandShape, operandDType, resolveShape } from '../backend/check.js';
import {
  type Dims,
  type DType,
  entriesOf,
  hostArrays,
  type KernelName,
  type KernelSpec,
  kernels,
} from '../backend/kernels/index.js';
import { DeviceError } from '../errors.js';
import { f16ToF32, f32ToF16 } from '../halfFloats.js';
import { packInt4, unpackInt4 } from '../int4.js';
import { sizeOf } from '../shape.js';
import type { AnyCase } from './case.js';
import { createRandom, seedOf } from './random.js';
import { reference } from './reference/index.js';
import type { Expected, Reference } from './reference/types.js';
import { type Comparison, expectWithinUlp } from './ulp.js';

/** Words after each operand that no kernel may touch: more than a vector step and a workgroup's stride of a row. */
const GUARDS = 64;
const GUARD = {
  f32: Math.fround(-1.2345e30),
  i32: -0x5eed5eed,
  u32: 0xfeedface,
  f16: 0x5eed,
  int8: -0x5e,
  int4: 0x5e,
} as const;

export interface Operand {
  readonly name: string;
  readonly role: 'in' | 'inout' | 'out';
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** What is on the device before the run, as numbers: data, or NaN where the kernel must not read. */
  readonly before: Float64Array;
}

/** Everything about one run that does not depend on the backend. */
export interface Prepared {
  readonly kernel: KernelName;
  readonly label: string;
  readonly seed: number;
  readonly dims: Dims;
  readonly params: Readonly<Record<string, number>>;
  readonly operands: readonly Operand[];
  readonly want: Readonly<Record<string, Expected>>;
  readonly allowed: number;
}

const rounded = (values: Float64Array) => Float64Array.from(Float32Array.from(values));

/** Numbers as the device holds them, and back. */
function encode({ dtype, shape }: OperandShape, values: Float64Array): TypedArray {
  if (dtype === 'f16') return f32ToF16(Float32Array.from(values));
  return dtype === 'int4' ? packInt4(values, shape) : hostArrays[dtype].from(values);
}
function decode({ dtype, shape }: OperandShape, data: TypedArray): Float64Array {
  if (dtype === 'f16') return Float64Array.from(f16ToF32(data as Uint16Array));
  return Float64Array.from(dtype === 'int4' ? unpackInt4(data as Uint8Array, shape) : data);
}

/** Params as the kernels get them: f32, or u32. */
function roundParams(spec: KernelSpec, params: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(params).map(([name, value]) => [name, spec.params?.[name] === 'f32' ? Math.fround(value) : value]),
  );
}

/** "rows 3, cols 7, eps 0.00001; constant rows": names a case in messages and seeds its data. */
export const caseLabel = ({ dims, params, note }: AnyCase): string =>
  Object.entries({ ...dims, ...params })
    .map(([name, value]) => `${name} ${value}`)
    .join(', ') + (note ? `; ${note}` : '');

/** Fills the operands of a case and computes what must come out. */
export function prepare(kernel: KernelName, testCase: AnyCase): Prepared {
  const spec: KernelSpec = kernels[kernel];
  const { dims } = testCase;
  const params = roundParams(spec, testCase.params);
  const label = caseLabel(testCase);
  const seed = seedOf(`${kernel} ${label}`);
  const random = createRandom(seed);
  const given: Record<string, Float64Array> = {};
  for (const [name, operand] of Object.entries({ ...spec.in, ...spec.inout })) {
    const size = sizeOf(resolveShape(operand, dims));
    given[name] = new Float64Array(size);
    const dtype = operandDType(operand);
    if (dtype === 'f32' || dtype === 'f16') given[name] = rounded(given[name].map(() => random.normal()));
    if (dtype === 'int4') given[name] = given[name].map(() => random.integer(16));
    if (dtype === 'int8') given[name] = given[name].map(() => random.integer(255) - 127);
  }
  testCase.prepare?.(given, random, { dims, params });
  const operands: Operand[] = [];
  for (const role of ['in', 'inout', 'out'] as const) {
    for (const [name, operand] of Object.entries(spec[role] ?? {})) {
      const shape = resolveShape(operand, dims);
      const dtype = operandDType(operand);
      const size = sizeOf(shape);
      const before =
        role === 'out'
          ? new Float64Array(size).fill(Number.NaN)
          : decode({ dtype, shape }, encode({ dtype, shape }, given[name]!));
      operands.push({ name, role, shape, dtype, before });
    }
  }
  const meaning = reference[kernel] as Reference<KernelName>;
  const inputs = Object.fromEntries(operands.map(({ name, before }) => [name, before]));
  const want = meaning(dims as never, inputs as never, params as never) as Readonly<Record<string, Expected>>;
  return { kernel, label, seed, dims, params, operands, want, allowed: spec.ulp(dims) };
}

function guarded(operand: Operand): TypedArray {
  const { before, dtype, shape } = operand;
  // Whole words.
  const array = new hostArrays[dtype](4 * Math.ceil((entriesOf(dtype, shape) + GUARDS) / 4)).fill(GUARD[dtype]);
  array.set(encode(operand, before));
  return array;
}

/**
 * Runs a prepared case on a backend and gives the contents of all operands afterwards, guards checked and removed.
 * Outputs are poisoned with NaN before the run; inputs must come back as they went in.
 */
export async function runCase(
  backend: Device,
  name: string,
  { kernel, label, dims, params, operands }: Prepared,
): Promise<Record<string, TypedArray>> {
  const storages: Record<string, Storage> = {};
  const results: Record<string, TypedArray> = {};
  const fail = (what: string): never => {
    throw new DeviceError(`${kernel} on ${name}: ${what}\n  case   ${label}`);
  };
  try {
    const shapes: Record<string, OperandShape> = {};
    for (const operand of operands) {
      const data = guarded(operand);
      storages[operand.name] = backend.allocate(data.byteLength, `test.${operand.name}`);
      backend.write(storages[operand.name]!, data);
      if (operand.role !== 'out') shapes[operand.name] = operand;
    }
    const bound = bindDims(kernel, shapes);
    if (Object.entries(dims).some(([dim, size]) => bound[dim] !== size))
      fail(`its operands have dims ${JSON.stringify(bound)}, the case has ${JSON.stringify(dims)}.`);
    // Dims in the order of the uniform block, as the record has them.
    backend.run(kernel, { dims: bound, operands: storages, params } as never);
    for (const operand of operands) {
      const size = entriesOf(operand.dtype, operand.shape);
      const after = await backend.read(storages[operand.name]!, operand.dtype);
      const broken = after.subarray(size).findIndex((word) => word !== GUARD[operand.dtype]);
      if (broken >= 0) fail(`wrote past the end of '${operand.name}' (element ${size + broken} of ${size}).`);
      results[operand.name] = after.slice(0, size);
      if (operand.role === 'in') {
        const numbers = decode(operand, results[operand.name]!);
        const changed = operand.before.findIndex((value, i) => !Object.is(value + 0, numbers[i]! + 0));
        if (changed >= 0) fail(`changed its input '${operand.name}' at [${changed}].`);
      }
    }
  } finally {
    for (const storage of Object.values(storages)) backend.free(storage);
  }
  return results;
}

/** The largest share of its allowance that each kernel has used on each backend so far: printed on request. */
const shares = new Map<string, { used: number; label: string }>();

/** Checks every output of a prepared case on a backend against the reference. Gives what came out. */
export async function checkCase(
  backend: Device,
  name: string,
  prepared: Prepared,
): Promise<Record<string, TypedArray>> {
  const results = await runCase(backend, name, prepared);
  for (const [output, want] of Object.entries(prepared.want)) {
    const { worst }: Comparison = expectWithinUlp(results[output]!, want, prepared.allowed, {
      op: prepared.kernel,
      backend: name,
      output,
      shape: prepared.label,
      seed: prepared.seed,
    });
    const key = `${prepared.kernel}.${output} on ${name}`;
    const used = worst.ulp / Math.max(prepared.allowed, 1);
    if (used >= (shares.get(key)?.used ?? 0))
      shares.set(key, { used, label: `${worst.ulp.toFixed(1)} ULP at ${prepared.label}` });
  }
  return results;
}

/** A line for each output: how much of its allowance it needed, and where. */
export const allowanceReport = (): string =>
  [...shares]
    .sort()
    .map(([key, { used, label }]) => `${(100 * used).toFixed(2).padStart(8)}%  ${key}: ${label}`)
    .join('\n');
