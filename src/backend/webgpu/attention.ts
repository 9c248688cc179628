/** Attention on WebGPU: which shader, how many workgroups, and windows along the batch. */
import { LimitError } from '../../errors.js';
import type { KernelCall, KernelTable, Storage } from '../backend.js';
import { operandEntries, operandSpecs } from '../check.js';
import type { KernelName, kernels } from '../kernels/index.js';
import type { Context, Region, ShaderCall } from './context.js';
import { ceilDiv, float } from './context.js';
import { entriesPerStep, windowsOf } from './windows.js';

type AttentionKernel = 'attention' | 'attentionBackwardQuery' | 'attentionBackwardKeyValue' | 'attentionBackwardBias';
/** Queries, keys and dims of one tile of the shaders. */
const block = 32;
const maxHeadDim = 256;
/** Up to so many queries the shader with a workgroup a query does less work than one with 32. */
const decodeQueries = 8;

export const attentionKernels = (context: Context): Pick<KernelTable, AttentionKernel> => ({
  attention: (call) => encodeAttention(context, 'attention', call),
  attentionBackwardQuery: (call) => encodeAttention(context, 'attentionBackwardQuery', call),
  attentionBackwardKeyValue: (call) => encodeAttention(context, 'attentionBackwardKeyValue', call),
  attentionBackwardBias: (call) => encodeAttention(context, 'attentionBackwardBias', call),
});

/**
 * Forward and backward of attention, cut along the batch where a binding is too small for all of it.
 * @throws LimitError when headDim exceeds 256.
 */
function encodeAttention<K extends AttentionKernel>(context: Context, kernel: K, call: KernelCall<K>): void {
  const { dims, operands, params } = call as KernelCall<AttentionKernel>;
  const { heads, queries, headDim, kvHeads, capacity, biasHeads, offsets } = dims as Record<string, number> as {
    readonly [name in (typeof kernels)[AttentionKernel]['dims'][number]]: number;
  };
  if (headDim > maxHeadDim) {
    throw new LimitError(
      `webgpu: ${kernel}: headDim is ${headDim}, this backend's largest is ${maxHeadDim}. Use the 'wasm' device.`,
      { found: headDim, expected: maxHeadDim },
    );
  }
  const decode = kernel === 'attention' && queries <= decodeQueries;
  const [queryBlocks, keyBlocks] = [ceilDiv(queries, block), ceilDiv(capacity, block)];
  const diagonals = queryBlocks + keyBlocks - 1;
  for (const { start, count } of windowsOf(kernel, dims, 'batch', context.limits, ['keyRange'])) {
    const part = { ...dims, batch: count };
    const regions: Region[] = operandSpecs(kernel as KernelName).map(([name, operand]) => {
      const storage = (operands as Readonly<Record<string, Storage>>)[name] as Storage;
      const each = name === 'keyRange' ? undefined : entriesPerStep(operand, 'batch', dims);
      return context.region(storage, start * (each ?? 0), operandEntries(operand, each === undefined ? dims : part));
    });
    const written = kernel === 'attention' ? 2 : 1;
    const dispatch = (
      shader: string,
      groups: number,
      writes = regions.slice(-written),
      variant: Pick<ShaderCall, 'headBlocks' | 'constants'> = { headBlocks: ceilDiv(headDim, block) },
    ) =>
      context.dispatch({
        shader,
        ...variant,
        uniform: [
          ...[count, heads, queries, headDim, kvHeads, capacity, biasHeads, offsets],
          ...[float(params.scale), params.causal, params.past, params.span, params.biased, params.origin],
          ...[params.seed, params.threshold, float(params.keepScale), start],
        ],
        reads: regions.slice(0, -written),
        writes,
        groups,
        flops: 8 * count * heads * queries * capacity * headDim,
      });
    if (decode) {
      const threads = context.limits.rowThreads;
      const constants = { THREADS: threads, ACROSS: Math.min(threads, 2 ** Math.ceil(Math.log2(headDim))) };
      dispatch('attentionDecode', count * heads * queries, undefined, { constants });
    } else if (kernel === 'attentionBackwardKeyValue') dispatch(kernel, count * kvHeads * keyBlocks);
    else if (kernel !== 'attentionBackwardBias') dispatch(kernel, count * heads * queryBlocks);
    else {
      context.temporary(heads * diagonals * 64, 'attention.partialBias', (partial) => {
        dispatch(kernel, heads * diagonals, [partial], {});
        context.dispatch({
          shader: 'attentionBiasSum',
          uniform: [heads, offsets, params.origin, queryBlocks, diagonals, start > 0 ? 1 : 0],
          reads: [partial],
          writes: regions.slice(-1),
          groups: ceilDiv(heads * offsets, 256),
          flops: 2 * heads * offsets,
        });
      });
    }
  }
}
