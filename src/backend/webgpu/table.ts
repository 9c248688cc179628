import type { KernelCall, KernelTable, Storage } from '../backend.js';
import { elementsOf, operandDType, operandSpecs } from '../check.js';
import type { Dims, KernelName, KernelSpec } from '../kernels/index.js';
import { divergenceKinds, kernels } from '../kernels/index.js';
import { encodeAttention } from './attention.js';
import type { Context, Region } from './context.js';
import { ceilDiv, float } from './context.js';
import { encodeGemm } from './gemm.js';
import type { ShaderName } from './shaders.js';
import { elementsPerStep, type Window, windowsOf } from './windows.js';

interface Plan {
  /** The dim along which a call is cut when a binding would be too large; first axis of the operands it cuts. */
  readonly along: string;
  /** Workgroups for the dims of one window. */
  readonly groups: (dims: Dims) => number;
  /** The uniform holds the window's start after the params. */
  readonly first?: boolean;
  readonly constants?: (
    params: Readonly<Record<string, number>>,
    dims: Dims,
    limits: Context['limits'],
  ) => Readonly<Record<string, number>>;
}

const threads = 256;
const columns = 32;
const size = (dims: Dims, ...names: string[]) => names.reduce((product, name) => product * (dims[name] as number), 1);
const elementwise = (along: string, ...others: string[]): Plan => ({
  along,
  groups: (dims) => ceilDiv(size(dims, along, ...others), threads),
});
/** Threads of a workgroup that owns a row: a power of two, fewer for short rows, whose threads would only wait. */
const threadsFor = (cols: number, most: number) => Math.min(most, Math.max(32, 2 ** Math.ceil(Math.log2(cols / 4))));
const oneRow = (cols: string): Plan => ({
  along: 'rows',
  groups: (dims) => size(dims, 'rows'),
  constants: (_, dims, { rowThreads }) => ({ THREADS: threadsFor(size(dims, cols), rowThreads) }),
});
const byColumns = { along: 'rows', groups: (dims: Dims) => ceilDiv(size(dims, 'cols'), columns) } satisfies Plan;
const gathered: Plan = {
  along: 'rows',
  first: true,
  groups: (dims) => ceilDiv(size(dims, 'tokens', 'cols'), threads),
};

/** Forms that a weight of exactly 0 or 1 turns into another form take that one, which needs no mixture. */
function simplestKind(kind: number, weight: number): number {
  const { forwardKL, reverseKL, symmetricKL, skewKL, skewReverseKL } = divergenceKinds;
  if (weight === 0 && (kind === skewKL || kind === symmetricKL)) return forwardKL;
  if ((weight === 0 && kind === skewReverseKL) || (weight === 1 && kind === symmetricKL)) return reverseKL;
  return kind;
}

/** Kernels whose dispatch is nothing but bindings, uniform and a count of workgroups. */
const plans = {
  broadcastRows: elementwise('rows', 'cols'),
  columnSum: byColumns,
  embedding: gathered,
  embeddingF16: gathered,
  embeddingInt8: gathered,
  embeddingBackward: { along: 'rows', first: true, groups: (dims) => ceilDiv(size(dims, 'uniques', 'cols'), threads) },
  layerNorm: oneRow('cols'),
  layerNormBackward: oneRow('cols'),
  layerNormBackwardWeights: byColumns,
  gelu: elementwise('size'),
  geluBackward: elementwise('size'),
  relu: elementwise('size'),
  reluBackward: elementwise('size'),
  add: elementwise('size'),
  addInto: elementwise('size'),
  dropout: { ...elementwise('size'), first: true },
  splitHeads: elementwise('batch', 'seq', 'heads', 'headDim'),
  mergeHeads: elementwise('batch', 'seq', 'heads', 'headDim'),
  attentionDelta: elementwise('batch', 'heads', 'queries'),
  crossEntropy: oneRow('vocab'),
  divergence: {
    ...oneRow('vocab'),
    constants: (params, dims, limits) => ({
      ...oneRow('vocab').constants?.(params, dims, limits),
      KIND: simplestKind(params.kind as number, params.weight as number),
    }),
  },
  sample: oneRow('vocab'),
  clipScale: { along: 'slots', groups: () => 1 },
  adamW: elementwise('size'),
} as const satisfies { readonly [K in KernelName]?: Plan };
type PlannedKernel = keyof typeof plans;

/** Runs a kernel by its plan, window by window. */
function encodePlanned<K extends PlannedKernel>(context: Context, kernel: K, call: KernelCall<K>): void {
  const plan: Plan = plans[kernel];
  const params = call.params as Readonly<Record<string, number>>;
  for (const window of windowsOf(kernel, call.dims, plan.along, context.limits)) {
    const uncut = window.count === call.dims[plan.along];
    const dims = uncut ? call.dims : { ...call.dims, [plan.along]: window.count };
    context.dispatch({
      shader: kernel as ShaderName,
      constants: plan.constants?.(params, dims, context.limits) ?? {},
      uniform: uniformOf(kernel, dims, params, window, plan.first ?? false),
      ...bindOperands(context, kernel, call, dims, plan.along, window),
      groups: plan.groups(dims),
      flops: kernels[kernel].flops(dims),
    });
  }
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
    const each = elementsPerStep(operand, along, dims);
    const first = each === undefined ? 0 : window.start * each;
    const region = context.region(storage, first, elementsOf(operand, dims), operandDType(operand));
    (name in spec.in ? reads : writes).push(region);
  }
  return { reads, writes };
}

/** Arrays up to this size are summed by one workgroup, longer ones in at most `maxBlocks` blocks first. */
const directSum = 8192;
const maxBlocks = 1024;

/** total[slot] (+)= sum of x or of x^2. */
function encodeSum<K extends 'sum' | 'sumSquares'>(context: Context, kernel: K, call: KernelCall<K>): void {
  const { dims, operands, params } = call as KernelCall<'sum' | 'sumSquares'>;
  const slots = dims.slots as number;
  const total = context.region(operands.total, 0, slots);
  for (const { start, count } of windowsOf(kernel, dims, 'size', context.limits)) {
    const x = context.region(operands.x, start, count);
    const accumulate = start > 0 ? 1 : params.accumulate;
    const addUp = (from: Region, elements: number) =>
      context.dispatch({
        shader: 'sum',
        uniform: [elements, slots, params.slot, accumulate],
        reads: [from],
        writes: [total],
        groups: 1,
        flops: elements,
      });
    if (kernel === 'sum' && count <= directSum) {
      addUp(x, count);
      continue;
    }
    const each = Math.max(directSum / 2, ceilDiv(count, maxBlocks));
    const blocks = ceilDiv(count, each);
    context.temporary(blocks, 'partial sums', (partial) => {
      context.dispatch({
        shader: 'sumBlocks',
        constants: { SQUARE: kernel === 'sumSquares' ? 1 : 0 },
        uniform: [count, blocks, each],
        reads: [x],
        writes: [partial],
        groups: blocks,
        flops: 2 * count,
      });
      addUp(partial, blocks);
    });
  }
}

/** One encoder a kernel. */
export function createTable(context: Context): KernelTable {
  const planned =
    <K extends PlannedKernel>(kernel: K) =>
    (call: KernelCall<K>) =>
      encodePlanned(context, kernel, call);
  return {
    gemmNN: (call) => encodeGemm(context, 'gemmNN', call),
    gemmNT: (call) => encodeGemm(context, 'gemmNT', call),
    gemmTN: (call) => encodeGemm(context, 'gemmTN', call),
    gemmNNF16: (call) => encodeGemm(context, 'gemmNNF16', call),
    gemmNTF16: (call) => encodeGemm(context, 'gemmNTF16', call),
    gemmNNInt8: (call) => encodeGemm(context, 'gemmNNInt8', call),
    gemmNTInt8: (call) => encodeGemm(context, 'gemmNTInt8', call),
    broadcastRows: planned('broadcastRows'),
    columnSum: planned('columnSum'),
    embedding: planned('embedding'),
    embeddingF16: planned('embeddingF16'),
    embeddingInt8: planned('embeddingInt8'),
    embeddingBackward: planned('embeddingBackward'),
    layerNorm: planned('layerNorm'),
    layerNormBackward: planned('layerNormBackward'),
    layerNormBackwardWeights: planned('layerNormBackwardWeights'),
    gelu: planned('gelu'),
    geluBackward: planned('geluBackward'),
    relu: planned('relu'),
    reluBackward: planned('reluBackward'),
    add: planned('add'),
    addInto: planned('addInto'),
    dropout: planned('dropout'),
    splitHeads: planned('splitHeads'),
    mergeHeads: planned('mergeHeads'),
    attention: (call) => encodeAttention(context, 'attention', call),
    attentionDelta: planned('attentionDelta'),
    attentionBackwardQuery: (call) => encodeAttention(context, 'attentionBackwardQuery', call),
    attentionBackwardBias: (call) => encodeAttention(context, 'attentionBackwardBias', call),
    attentionBackwardKeyValue: (call) => encodeAttention(context, 'attentionBackwardKeyValue', call),
    crossEntropy: planned('crossEntropy'),
    divergence: planned('divergence'),
    sample: planned('sample'),
    sum: (call) => encodeSum(context, 'sum', call),
    sumSquares: (call) => encodeSum(context, 'sumSquares', call),
    clipScale: planned('clipScale'),
    adamW: planned('adamW'),
  };
}
