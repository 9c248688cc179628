/**
 * The one table of kernels. The Device type, the shape check above both backends, the binding order, what the tests
 * allow and the rates of profiles all read these records. They are divided into five chapters, and so are their WGSL
 * (kernels/), their AssemblyScript (assembly/compute/), their float64 meaning (src/testing/reference/) and their cases
 * (src/testing/cases/).
 *
 * Names of dims are symbolic: the first operand that mentions one binds it, the others must agree. A dim that no
 * input mentions (the vocabulary of an embedding's gradient when only ids come in, say) is bound by an `inout`
 * operand. Operands are dense, row-major. `inout` operands are read and written; kernels whose params include
 * `accumulate` add to them when it is 1 and overwrite them (without reading) when it is 0.
 *
 * Binding order on WebGPU: uniform (the dims in the order of `dims`, then the params, 4 bytes each), then `in`, `inout`
 * and `out` in the order written here. At most 8 operands a kernel, the default limit. `constants` choose a variant:
 * WGSL `override` constants (their upper-case names), plain arguments in AssemblyScript.
 *
 * f16, int8 and int4 are for stored weights only: kernels widen them exactly and compute in f32 (see gemmNTInt8 for what
 * WASM does with integers). f16 elements are finite. Storages stay multiples of 4 bytes; on the host f16 is its bits in a
 * Uint16Array, and int4 the bytes that src/int4.ts packs, two elements each, rows padded to whole groups.
 */
import { attention } from './attention.js';
import { elements } from './elements.js';
import { optimizer } from './optimizer.js';
import type { Plan } from './plan.js';
import { products } from './products.js';
import { rows } from './rows.js';

export * from './divergenceKinds.js';
export * from './spec.js';

/** The type of the kernel table. */
export type Kernels = typeof products & typeof attention & typeof rows & typeof elements & typeof optimizer;
/** All kernels by name. */
export const kernels: Kernels = { ...products, ...attention, ...rows, ...elements, ...optimizer };
/** Name of a kernel. */
export type KernelName = keyof Kernels;
/** Kernels that run by the plan in their record, on both backends. */
export type PlannedKernel = { [K in KernelName]: Kernels[K] extends { readonly plan: Plan } ? K : never }[KernelName];

export const plannedKernels = (Object.keys(kernels) as KernelName[]).filter(
  (kernel): kernel is PlannedKernel => 'plan' in kernels[kernel],
);
