import type { KernelName } from '../../backend/kernels.js';
import { ShapeError } from '../../errors.js';
import { rows, run } from '../run.js';
import { track } from '../tape.js';
import { Tensor } from '../tensor.js';

/** How a weight lies in memory: PyTorch's Linear is [out, in], GPT-2's Conv1D is [in, out]. */
export type WeightLayout = 'outIn' | 'inOut';

/** c (+)= a b in one of the transposed forms; a, b and c are seen as [rows, cols]. */
export function gemm(
  kernel: 'gemmNN' | 'gemmNT' | 'gemmTN',
  a: Tensor,
  b: Tensor,
  c: Tensor,
  accumulate: 0 | 1 = 0,
): void {
  run(c.device, kernel satisfies KernelName, { a: rows(a), b: rows(b), c: rows(c) }, { accumulate });
}

/**
 * y = x W (+ bias). x [..., in], weight [out, in] or, with layout 'inOut', [in, out]; bias [out] -> y [..., out].
 * @throws ShapeError
 */
export function linear(
  x: Tensor,
  weight: Tensor,
  { bias, layout = 'outIn' }: { bias?: Tensor; layout?: WeightLayout } = {},
): Tensor {
  const [inAxis, outAxis] = layout === 'outIn' ? [1, 0] : [0, 1];
  const outFeatures = weight.shape[outAxis] as number;
  if (weight.shape.length !== 2 || x.shape.at(-1) !== weight.shape[inAxis]) {
    throw new ShapeError(
      `linear: weight is [${weight.shape.join(', ')}] (${layout}), which does not take x [${x.shape.join(', ')}].`,
      { found: x.shape.at(-1), expected: weight.shape[inAxis] },
    );
  }
  const y = Tensor.empty(x.device, [...x.shape.slice(0, -1), outFeatures], 'f32', 'linear.y');
  if (bias) run(x.device, 'broadcastRows', { row: bias, y: rows(y) }, {});
  gemm(layout === 'outIn' ? 'gemmNT' : 'gemmNN', x, weight, y, bias ? 1 : 0);

  return track('linear', bias ? [x, weight, bias] : [x, weight], y, (dy, gradients) => {
    if (gradients.wants(x)) {
      const dx = gradients.into(x);
      gemm(layout === 'outIn' ? 'gemmNN' : 'gemmNT', dy, weight, dx.tensor, dx.accumulate);
    }
    if (gradients.wants(weight)) {
      const dw = gradients.into(weight);
      const [left, right] = layout === 'outIn' ? [dy, x] : [x, dy];
      gemm('gemmTN', left, right, dw.tensor, dw.accumulate);
    }
    if (bias && gradients.wants(bias)) {
      const db = gradients.into(bias);
      run(x.device, 'columnSum', { x: rows(dy), sum: db.tensor }, { accumulate: db.accumulate });
    }
  });
}
