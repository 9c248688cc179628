/**
 * The check above both backends: symbolic dims are bound by the operands of a call, and must agree; every param is a
 * number.
 */
import { OptionError, ShapeError } from '../errors.js';
import { didYouMean, refusedOption } from '../requireOption.js';
import type { ParamsOf } from './backend.js';
import type { Dims, DType, KernelName, KernelSpec, OperandSpec } from './kernels/index.js';
import { entriesOf, kernels } from './kernels/index.js';

export interface OperandShape {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

export const extents = (operand: OperandSpec) => ('shape' in operand ? operand.shape : operand);
export const operandDType = (operand: OperandSpec): DType => ('shape' in operand ? operand.dtype : 'f32');

type Operands = readonly (readonly [string, OperandSpec])[];
const byKernel = (list: (spec: KernelSpec) => Operands) =>
  new Map(Object.entries(kernels).map(([kernel, spec]) => [kernel, list(spec)])) as ReadonlyMap<KernelName, Operands>;
// Made once: every kernel call walks through them.
const given = byKernel((spec) => Object.entries({ ...spec.in, ...spec.inout }));
const outputs = byKernel((spec) => Object.entries(spec.out ?? {}));
const all = byKernel((spec) => Object.entries({ ...spec.in, ...spec.inout, ...spec.out }));

const numbers = new Map(
  Object.entries(kernels).map(([kernel, { params, constants }]: [string, KernelSpec]) => [
    kernel,
    Object.keys({ ...params, ...constants }),
  ]),
) as ReadonlyMap<KernelName, readonly string[]>;

/** All operands of a kernel in binding order. */
export const operandSpecs = (kernel: KernelName): Operands => all.get(kernel) as Operands;

/** Operands that the caller of a kernel has. */
export const givenSpecs = (kernel: KernelName): Operands => given.get(kernel) as Operands;

/** Operands that a kernel makes. */
export const outputSpecs = (kernel: KernelName): Operands => outputs.get(kernel) as Operands;

/** Shape of an operand once every dim is known. */
export function resolveShape(operand: OperandSpec, dims: Dims): number[] {
  return extents(operand).map((extent) => (typeof extent === 'number' ? extent : (dims[extent] as number)));
}

/** Entries of an operand's array on the host (`entriesOf`); with `from`, of its axes from that index on. */
export function operandEntries(operand: OperandSpec, dims: Dims, from = 0): number {
  if (operandDType(operand) === 'int4') return entriesOf('int4', resolveShape(operand, dims).slice(from));
  const axes = extents(operand);
  let elements = 1;
  for (let axis = from; axis < axes.length; axis++) {
    const extent = axes[axis] as string | number;
    elements *= typeof extent === 'number' ? extent : (dims[extent] as number);
  }
  return elements;
}

/**
 * The one shape check above both backends: binds the symbolic dims of `kernel` from the operands that the caller
 * has (`in` and `inout`) and returns them.
 * @throws ShapeError naming the operand, what was found and what was expected; OptionError for what is no kernel
 */
export function bindDims(kernel: KernelName, operands: Readonly<Record<string, OperandShape>>): Dims {
  const dims: Record<string, number> = {};
  const specs = given.get(kernel);
  if (!specs)
    throw refusedOption('run', 'kernel', kernel, 'the name of a kernel', didYouMean(kernel, [...given.keys()]));
  for (const [name, operand] of specs) {
    const actual = Object(operands)[name] as OperandShape | undefined;
    const wanted = extents(operand);
    if (!actual) throw new ShapeError(`${kernel}: operand '${name}' [${wanted.join(', ')}] is missing.`);
    const dtype = operandDType(operand);
    if (actual.dtype !== dtype) {
      throw new ShapeError(`${kernel}: ${name} is ${actual.dtype}, expected ${dtype}.`, {
        found: actual.dtype,
        expected: dtype,
      });
    }
    const found = actual.shape;
    if (found.length !== wanted.length) {
      throw new ShapeError(`${kernel}: ${name} is [${found.join(', ')}], expected [${wanted.join(', ')}].`, {
        found,
        expected: wanted,
      });
    }
    for (let axis = 0; axis < wanted.length; axis++) {
      const extent = wanted[axis] as string | number;
      const size = found[axis] as number;
      const known = typeof extent === 'number' ? extent : dims[extent];
      if (!Number.isInteger(size) || size < 1 || (known !== undefined && known !== size)) {
        const expected = wanted.map((e) => (typeof e === 'number' ? e : (dims[e] ?? e)));
        const binds = ([, before]: readonly [string, OperandSpec]) => extents(before).includes(extent);
        const first = known !== undefined && typeof extent === 'string' ? specs.find(binds)?.[0] : undefined;
        const why = first ? ` (${extent} comes from ${first} [${operands[first]?.shape.join(', ')}])` : '';
        throw new ShapeError(`${kernel}: ${name} is [${found.join(', ')}], expected [${expected.join(', ')}]${why}.`, {
          found,
          expected,
        });
      }
      if (typeof extent === 'string') dims[extent] = size;
    }
  }
  return dims;
}

/**
 * A missing param would reach the kernel as a zero or a NaN, from callers that no type checker has seen.
 * @throws OptionError naming the first param or constant that is no number
 */
export function checkParams<K extends KernelName>(kernel: K, params: ParamsOf<K>): void {
  for (const name of numbers.get(kernel) as readonly string[]) {
    const value = Object(params)[name] as unknown;
    if (typeof value === 'number') continue;
    throw new OptionError(`${kernel}: ${name} is ${value}, expected a number.`, { found: value });
  }
}
