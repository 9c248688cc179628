/** The call of one kernel on tensors: shapes are checked against its record, outputs are allocated. */
import type { GivenName, KernelCall, OperandName, OutName, ParamsOf, Storage } from '../backend/backend.js';
import { bindDims, checkParams, givenSpecs, operandDType, outputSpecs, resolveShape } from '../backend/check.js';
import type { DType, KernelName } from '../backend/kernels/index.js';
import { Tensor } from './tensor.js';

/** An operand seen with another shape: `[batch, seq, cols]` as `[rows, cols]`. */
export interface View {
  /** What holds the elements. */
  readonly storage: Storage;
  /** The shape in which a kernel sees them. */
  readonly shape: readonly number[];
  /** The tensor's. */
  readonly dtype: DType;
}

/** Sees a tensor as [rows, cols], rows being all axes but the last. */
export const rows = (x: Tensor): View => {
  const cols = x.shape.at(-1) as number;
  return { storage: x.storage, shape: [x.size / cols, cols], dtype: x.dtype };
};
/** Sees a tensor as one axis. */
export const flat = (x: Tensor): View => ({ storage: x.storage, shape: [x.size], dtype: x.dtype });

/** Operands that the caller of kernel K has, by name. */
export type Given<K extends KernelName> = Readonly<Record<GivenName<K>, View | Tensor>>;
/** Tensors that kernel K made, by name. */
export type Outputs<K extends KernelName> = { readonly [N in OutName<K>]: Tensor };

/**
 * Runs one kernel: checks shapes and params, allocates the outputs, queues the call. `shapes` gives an output the shape in
 * which its reader wants to see it (same number of elements).
 * @throws ShapeError; LimitError; OptionError for a param that is no number
 */
export function run<K extends KernelName>(
  device: Tensor['device'],
  kernel: K,
  given: Given<K>,
  params: ParamsOf<K>,
  shapes: { readonly [N in OutName<K>]?: readonly number[] } = {},
): Outputs<K> {
  const dims = bindDims(kernel, given);
  checkParams(kernel, params);
  const operands: Record<string, Storage> = {};
  for (const [name] of givenSpecs(kernel)) operands[name] = given[name as GivenName<K>].storage;
  const outputs: Record<string, Tensor> = {};
  try {
    for (const [name, operand] of outputSpecs(kernel)) {
      const shape = (shapes as Record<string, readonly number[] | undefined>)[name] ?? resolveShape(operand, dims);
      const output = Tensor.empty(device, shape, operandDType(operand), `${kernel}.${name}`);
      outputs[name] = output;
      operands[name] = output.storage;
    }
    device.run(kernel, {
      dims,
      operands: operands as Readonly<Record<OperandName<K>, Storage>>,
      params,
    } as KernelCall<K>);
  } catch (error) {
    // Outside of a tidy nobody else would: a device that is lost fails in the middle of anything.
    for (const output of Object.values(outputs)) output.dispose();
    throw error;
  }
  return outputs as Outputs<K>;
}
