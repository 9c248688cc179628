import type { KernelName } from '../backend/kernels/index.js';
import { rows, run } from './run.js';
import type { Tensor } from './tensor.js';

/** c (+)= a b in one of the transposed forms, all f32; a, b and c are seen as [rows, cols]. @throws ShapeError */
export function gemm(
  kernel: Extract<KernelName, 'gemmNN' | 'gemmNT' | 'gemmTN'>,
  a: Tensor,
  b: Tensor,
  c: Tensor,
  accumulate: 0 | 1 = 0,
): void {
  run(c.device, kernel, { a: rows(a), b: rows(b), c: rows(c) }, { accumulate });
}
