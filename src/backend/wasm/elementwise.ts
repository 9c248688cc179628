import type { KernelCall, OperandName } from '../backend.js';
import { at, type Entries, grainOf, sizes, type Threads } from './calls.js';

/** Kernels whose elements know nothing of each other, and sums down columns. */
export function elementwiseKernels(
  device: Threads,
): Entries<
  | 'add'
  | 'addInto'
  | 'adamW'
  | 'broadcastRows'
  | 'clipScale'
  | 'columnSum'
  | 'dropout'
  | 'gelu'
  | 'geluBackward'
  | 'relu'
  | 'reluBackward'
> {
  const { pool } = device;
  /** Chunks of whole vectors, and of whole cache lines. */
  const elements = (size: number, cost: number) => grainOf(device, size, cost, 16);
  /** A kernel whose arguments are its operands in this order. */
  const plain =
    <K extends 'add' | 'gelu' | 'geluBackward' | 'relu' | 'reluBackward'>(
      kernel: K,
      operands: readonly OperandName<K>[],
      cost: number,
    ) =>
    (call: KernelCall<K>) => {
      const [size] = sizes(call, ['size']);
      const args = operands.map((name) => at(call.operands[name]));
      pool.parallel(kernel, args, size, elements(size, cost));
    };
  return {
    add: plain('add', ['a', 'b', 'y'], 2),
    addInto(call) {
      const [size] = sizes(call, ['size']);
      const { x, y } = call.operands;
      pool.parallel('addInto', [at(x), at(y), call.params.scale], size, elements(size, 2));
    },
    adamW(call) {
      const [size] = sizes(call, ['size']);
      const { grad, scale, parameter, m, v } = call.operands;
      const { lr, beta1, beta2, eps, weightDecay, correction1, correction2 } = call.params;
      const params = [lr, beta1, beta2, eps, weightDecay, correction1, correction2];
      pool.parallel('adamW', [...[grad, scale, parameter, m, v].map(at), ...params], size, elements(size, 8));
    },
    broadcastRows(call) {
      const [rows, cols] = sizes(call, ['rows', 'cols']);
      const { row, y } = call.operands;
      pool.parallel('broadcastRows', [at(row), at(y), cols], rows, grainOf(device, rows, cols));
    },
    clipScale(call) {
      const [slots] = sizes(call, ['slots']);
      const { squares, norm, scale } = call.operands;
      pool.call('clipScale', [at(squares), at(norm), at(scale), slots, call.params.maxNorm]);
    },
    columnSum(call) {
      const [rows, cols] = sizes(call, ['rows', 'cols']);
      const { x, sum } = call.operands;
      const args = [at(x), at(sum), rows, cols, call.params.accumulate];
      pool.parallel('columnSum', args, cols, grainOf(device, cols, rows, 16));
    },
    dropout(call) {
      const [size] = sizes(call, ['size']);
      const { x, y } = call.operands;
      const { seed, threshold, scale } = call.params;
      pool.parallel('dropout', [at(x), at(y), seed, threshold, scale], size, elements(size, 4));
    },
    gelu: plain('gelu', ['x', 'y'], 8),
    geluBackward: plain('geluBackward', ['x', 'dy', 'dx'], 10),
    relu: plain('relu', ['x', 'y'], 1),
    reluBackward: plain('reluBackward', ['x', 'dy', 'dx'], 1),
  };
}
