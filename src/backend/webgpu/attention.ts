import { LimitError } from '../../errors.js';
import type { KernelCall, Storage } from '../backend.js';
import { operandSpecs, resolveShape } from '../check.js';
import type { KernelName } from '../kernels.js';
import type { Context, Region } from './context.js';
import { ceilDiv, float } from './context.js';
import type { ShaderName } from './shaders.js';
import { elementsPerStep, windowsOf } from './windows.js';

type AttentionKernel = 'attention' | 'attentionBackwardQuery' | 'attentionBackwardKeyValue';
/** Queries, keys and dims of one tile of the shaders. */
const block = 32;
const maxHeadDim = 256;
/** Up to so many queries the shader with a workgroup a query does less work than one with 32. */
const decodeQueries = 8;

/**
 * Forward and backward of attention, cut along the batch where a binding is too small for all of it.
 * @throws LimitError when headDim exceeds 256.
 */
export function encodeAttention<K extends AttentionKernel>(context: Context, kernel: K, call: KernelCall<K>): void {
  const { dims, operands, params } = call as KernelCall<AttentionKernel>;
  const { heads, queries, headDim, kvHeads, capacity } = dims as Record<string, number> as {
    readonly [name in 'heads' | 'queries' | 'headDim' | 'kvHeads' | 'capacity']: number;
  };
  if (headDim > maxHeadDim) {
    throw new LimitError(
      `webgpu: ${kernel}: headDim is ${headDim}, this backend's largest is ${maxHeadDim}. Use the 'wasm' device.`,
      { found: headDim, expected: maxHeadDim },
    );
  }
  const decode = kernel === 'attention' && queries <= decodeQueries;
  const shader: ShaderName = decode ? 'attentionDecode' : kernel;
  const tiles =
    kernel === 'attentionBackwardKeyValue'
      ? kvHeads * ceilDiv(capacity, block)
      : heads * (decode ? queries : ceilDiv(queries, block));
  for (const { start, count } of windowsOf(kernel, dims, 'batch', context.limits, ['keyRange'])) {
    const part = { ...dims, batch: count };
    const regions: Region[] = operandSpecs(kernel as KernelName).map(([name, operand]) => {
      const storage = (operands as Readonly<Record<string, Storage>>)[name] as Storage;
      if (name === 'keyRange') return context.region(storage, 0, 2 * (dims.batch as number));
      const each = elementsPerStep(operand, 'batch', dims) as number;
      return context.region(
        storage,
        start * each,
        resolveShape(operand, part).reduce((a, b) => a * b, 1),
      );
    });
    const written = kernel === 'attentionBackwardQuery' ? 1 : 2;
    context.dispatch({
      shader,
      ...(decode ? {} : { headBlocks: ceilDiv(headDim, block) }),
      uniform: [
        ...[count, heads, queries, headDim, kvHeads, capacity],
        ...[float(params.scale), params.causal, params.past, start],
      ],
      reads: regions.slice(0, -written),
      writes: regions.slice(-written),
      groups: count * tiles,
      flops: 8 * count * heads * queries * capacity * headDim,
    });
  }
}
