import { OptionError, ShapeError } from '../../errors.js';
import { rows, run } from '../run.js';
import { track } from '../tape.js';
import { Tensor } from '../tensor.js';

/** How a weight lies in memory: PyTorch's Linear is [out, in], GPT-2's Conv1D is [in, out]. */
export type WeightLayout = 'outIn' | 'inOut';

/**
 * c (+)= a b in one of the transposed forms; a, b and c are seen as [rows, cols]. b of gemmNN and gemmNT may be a weight that
 * is stored as f16, with a scale; b of gemmNT, with a scale each row, as int8.
 * @throws ShapeError; OptionError for b as int8 in another form
 */
export function gemm(
  kernel: 'gemmNN' | 'gemmNT' | 'gemmTN',
  a: Tensor,
  b: Tensor,
  c: Tensor,
  accumulate: 0 | 1 = 0,
): void {
  const operands = { a: rows(a), b: rows(b), c: rows(c) };
  if (b.dtype === 'int8') {
    if (kernel !== 'gemmNT') throw int8Form();
    run(c.device, 'gemmNTInt8', { ...operands, scales: scalesOf(b) }, { accumulate });
  } else if (b.dtype === 'f16' && kernel !== 'gemmTN') {
    run(c.device, `${kernel}F16`, operands, { accumulate, scale: b.scale });
  } else run(c.device, kernel, operands, { accumulate });
}

const int8Form = () =>
  new OptionError(
    "int8 weights are multiplied as [out, in] only, and gradients do not pass through them. Load the model with dtype 'f16' or 'f32'.",
    { found: 'int8', expected: ['f16', 'f32'] },
  );

/** @throws ShapeError when a weight of integers has none */
export function scalesOf(weight: Tensor): Tensor {
  if (weight.scales) return weight.scales;
  throw new ShapeError(
    `A weight of dtype ${weight.dtype} [${weight.shape.join(', ')}] has no scales, expected one an output.`,
  );
}

/**
 * The gradient of the input of y = x W: dx (+)= dy W^T.
 * @throws OptionError for an int8 weight, whose scales belong to the axis that is summed over here
 */
export function gemmInputGradient(
  layout: WeightLayout,
  dy: Tensor,
  weight: Tensor,
  dx: Tensor,
  accumulate: 0 | 1 = 0,
): void {
  gemm(layout === 'outIn' ? 'gemmNN' : 'gemmNT', dy, weight, dx, accumulate);
}

/**
 * y = x W (+ bias). x [..., in], weight [out, in] or, with layout 'inOut', [in, out]; bias [out] -> y [..., out]. A frozen
 * weight may be stored as f16 or, [out, in], as int8.
 * @throws ShapeError; OptionError for int8 weights that are [in, out]
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

  return track(bias ? [x, weight, bias] : [x, weight], y, (dy, gradients) => {
    if (gradients.wants(x)) {
      const dx = gradients.into(x);
      gemmInputGradient(layout, dy, weight, dx.tensor, dx.accumulate);
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
