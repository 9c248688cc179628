/**
 * Kernels whose dispatch is nothing but bindings, a uniform and a count of workgroups, all of which their record gives.
 */
import type { KernelCall, Storage } from '../backend.js';
import { operandDType, operandEntries, operandSpecs } from '../check.js';
import { type Dims, type KernelName, type KernelSpec, kernels, type PlannedKernel } from '../kernels/index.js';
import type { Plan } from '../kernels/plan.js';
import type { Context, Region, ShaderCall } from './context.js';
import { ceilDiv, float } from './context.js';
import { alignedBytes, entriesPerStep, type Window, windowsOf } from './windows.js';

/** The entry of a kernel that runs by its plan. */
export const planned =
  <K extends PlannedKernel>(context: Context, kernel: K) =>
  (call: KernelCall<K>): void =>
    encode(context, kernel, call);

/** Runs a kernel by its plan, window by window. */
function encode<K extends PlannedKernel>(context: Context, kernel: K, call: KernelCall<K>): void {
  const { constants }: KernelSpec = kernels[kernel];
  const plan: Plan['webgpu'] = kernels[kernel].plan.webgpu;
  const params = call.params as Readonly<Record<string, number>>;
  // The record's constants choose a variant of the shader.
  const chosen: Record<string, number> = {};
  for (const name of Object.keys(constants ?? {})) chosen[name.toUpperCase()] = params[name] as number;
  for (const window of windowsOf(kernel, call.dims, plan.along, context.limits)) {
    const uncut = window.count === call.dims[plan.along];
    const dims = uncut ? call.dims : { ...call.dims, [plan.along]: window.count };
    const uniform = uniformOf(kernel, dims, params, window, plan.first ?? false);
    const work = {
      shader: kernel,
      constants: { ...chosen, ...plan.constants?.(dims, context.limits) },
      ...bindOperands(context, kernel, call, dims, plan.along, window),
      flops: kernels[kernel].flops(dims),
    };
    if (!plan.parts) context.dispatch({ ...work, uniform, groups: plan.groups(dims) });
    else {
      const add = window.start > 0 ? 1 : (params.accumulate ?? 1);
      encodeColumns(context, { ...work, uniform }, dims, { groups: plan.groups(dims), parts: plan.parts(dims), add });
    }
  }
}

/** Sums down columns, in parts of the rows where that makes more workgroups. */
function encodeColumns(
  context: Context,
  work: Omit<ShaderCall, 'groups'>,
  dims: Dims,
  { groups, parts: most, add }: { readonly groups: number; readonly parts: number; readonly add: number },
): void {
  const { rows, cols } = dims as { readonly rows: number; readonly cols: number };
  const each = ceilDiv(rows, most);
  const parts = ceilDiv(rows, each);
  if (parts === 1) {
    context.dispatch({ ...work, uniform: [...work.uniform, each, add], groups });
    return;
  }
  // The parts of each sum, one behind the other, where a binding may start.
  const stride = ceilDiv(4 * parts * cols, alignedBytes) * alignedBytes;
  context.temporary((work.writes.length * stride) / 4, 'parts of a sum', (whole) => {
    const partials = work.writes.map((_, index) => ({ ...whole, offset: whole.offset + index * stride, size: stride }));
    context.dispatch({ ...work, uniform: [...work.uniform, each, 0], writes: partials, groups: groups * parts });
    for (const [index, partial] of partials.entries()) {
      const uniform = [parts, cols, add, parts, add];
      const writes = work.writes.slice(index, index + 1);
      context.dispatch({ shader: 'columnSum', uniform, reads: [partial], writes, groups, flops: parts * cols });
    }
  });
}

/** The dims, then the params, then, for kernels that know of their window, its start. */
function uniformOf(
  kernel: KernelName,
  dims: Dims,
  params: Readonly<Record<string, number>>,
  window: Window,
  first: boolean,
) {
  const spec: KernelSpec = kernels[kernel];
  const words = spec.dims.map((name): ReturnType<typeof float> | number => dims[name] as number);
  for (const [name, type] of Object.entries(spec.params ?? {})) {
    const isWindowed = name === 'accumulate' && window.start > 0;
    const value = isWindowed ? 1 : (params[name] as number);
    words.push(type === 'f32' ? float(value) : value);
  }
  if (first) words.push(window.start);
  return words;
}

function bindOperands(
  context: Context,
  kernel: KernelName,
  call: KernelCall,
  dims: Dims,
  along: string,
  window: Window,
) {
  const spec: KernelSpec = kernels[kernel];
  const reads: Region[] = [];
  const writes: Region[] = [];
  for (const [name, operand] of operandSpecs(kernel)) {
    const storage = (call.operands as Readonly<Record<string, Storage>>)[name] as Storage;
    const each = entriesPerStep(operand, along, dims);
    const first = each === undefined ? 0 : window.start * each;
    const region = context.region(storage, first, operandEntries(operand, dims), operandDType(operand));
    (name in spec.in ? reads : writes).push(region);
  }
  return { reads, writes };
}
