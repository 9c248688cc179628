/** Calls whose operands are larger than one binding are cut into windows along one dim. */
import { formatBothBytes, LimitError } from '../../errors.js';
import { extents, operandDType, operandEntries, operandSpecs } from '../check.js';
import type { Dims, KernelName, KernelSpec, OperandSpec } from '../kernels/index.js';
import { bytesPerEntry, kernels, wholeWords } from '../kernels/index.js';

/** Binding offsets are multiples of so many bytes. */
export const alignedBytes = 256;

/** Steps [start, start + count) of one dim. */
export interface Window {
  readonly start: number;
  readonly count: number;
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/** Entries of one step of `dim`, for operands whose first axis it is; undefined for the others, which stay whole. */
export function entriesPerStep(operand: OperandSpec, dim: string, dims: Dims): number | undefined {
  if (extents(operand)[0] !== dim) return undefined;
  return operandEntries(operand, dims, 1);
}

/**
 * Cuts `dim` of a kernel call into windows, so that no operand's binding exceeds `maxBindingBytes` and no dispatch
 * `maxFlops`. Every window starts where a binding may start. `whole` operands are bound in full whatever their shape.
 * @throws LimitError when even the smallest window, or an operand that has no such axis, is too large.
 */
export function windowsOf(
  kernel: KernelName,
  dims: Dims,
  dim: string,
  limits: { readonly maxBindingBytes: number; readonly maxFlops: number },
  whole: readonly string[] = [],
): Window[] {
  const total = dims[dim] as number;
  let step = 1;
  const spec: KernelSpec = kernels[kernel];
  let most = Math.max(1, Math.floor((limits.maxFlops / Math.max(1, spec.flops(dims))) * total));
  let widest = 0;
  for (const [name, operand] of operandSpecs(kernel)) {
    const each = whole.includes(name) ? undefined : entriesPerStep(operand, dim, dims);
    if (each === undefined) {
      const bytes = wholeWords(bytesPerEntry(operandDType(operand)) * operandEntries(operand, dims));
      checkWhole(kernel, name, bytes, limits.maxBindingBytes);
      continue;
    }
    const stepBytes = each * bytesPerEntry(operandDType(operand));
    step = Math.max(step, alignedBytes / gcd(alignedBytes, stepBytes));
    widest = Math.max(widest, stepBytes);
  }
  const fitting = Math.floor(limits.maxBindingBytes / widest);
  if (fitting >= total && most >= total) return [{ start: 0, count: total }];
  const binding = Math.min(fitting, total);
  if (binding < total && binding < step) {
    const found = widest * Math.min(step, total);
    const [needed, allowed] = formatBothBytes(found, limits.maxBindingBytes);
    throw new LimitError(
      `webgpu: ${kernel} needs bindings of ${needed}, this device allows ${allowed}. ` +
        "Use smaller batches, or the 'wasm' device.",
      { found, expected: limits.maxBindingBytes },
    );
  }
  most = Math.max(step, Math.floor(Math.min(most, fitting) / step) * step);
  const windows: Window[] = [];
  for (let start = 0; start < total; start += most) windows.push({ start, count: Math.min(most, total - start) });
  return windows;
}

/** @throws LimitError */
export function checkWhole(kernel: KernelName, name: string, bytes: number, maxBindingBytes: number): void {
  if (bytes <= maxBindingBytes) return;
  const [needed, allowed] = formatBothBytes(bytes, maxBindingBytes);
  throw new LimitError(
    `webgpu: ${kernel}: ${name} needs a binding of ${needed}, this device allows ${allowed}. ` +
      "Use smaller batches, or the 'wasm' device.",
    { found: bytes, expected: maxBindingBytes },
  );
}
