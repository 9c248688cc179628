/** Sums over all elements: one workgroup for short arrays, blocks and then their sums for long ones. */
import type { KernelCall, KernelTable } from '../backend.js';
import type { Context, Region } from './context.js';
import { ceilDiv } from './context.js';
import { windowsOf } from './windows.js';

/** Arrays up to this size are summed by one workgroup, longer ones in at most `maxBlocks` blocks first. */
const directSum = 8192;
const maxBlocks = 1024;

export const sumKernels = (context: Context): Pick<KernelTable, 'sum' | 'sumSquares'> => ({
  sum: (call) => encodeSum(context, 'sum', call),
  sumSquares: (call) => encodeSum(context, 'sumSquares', call),
});

/** total[slot] (+)= sum of x or of x^2. */
function encodeSum<K extends 'sum' | 'sumSquares'>(context: Context, kernel: K, call: KernelCall<K>): void {
  const { dims, operands, params } = call as KernelCall<'sum' | 'sumSquares'>;
  const slots = dims.slots as number;
  const total = context.region(operands.total, 0, slots);
  for (const { start, count } of windowsOf(kernel, dims, 'size', context.limits)) {
    const x = context.region(operands.x, start, count);
    const accumulate = start > 0 ? 1 : params.accumulate;
    const SQUARE = kernel === 'sumSquares' ? 1 : 0;
    const addUp = (from: Region, elements: number, constants: Readonly<Record<'SQUARE', number>>) =>
      context.dispatch({
        shader: 'sum',
        constants,
        uniform: [elements, slots, params.slot, accumulate],
        reads: [from],
        writes: [total],
        groups: 1,
        flops: elements,
      });
    if (count <= directSum) {
      addUp(x, count, { SQUARE });
      continue;
    }
    const each = Math.max(directSum / 2, ceilDiv(count, maxBlocks));
    const blocks = ceilDiv(count, each);
    context.temporary(blocks, 'partial sums', (partial) => {
      context.dispatch({
        shader: 'sumBlocks',
        constants: { SQUARE },
        uniform: [count, blocks, each],
        reads: [x],
        writes: [partial],
        groups: blocks,
        flops: 2 * count,
      });
      addUp(partial, blocks, { SQUARE: 0 });
    });
  }
}
