/**
 * A linear layer with a low-rank adapter beside it (LoRA: Hu et al. 2021, arXiv:2106.09685). The layer is frozen, in any
 * format, and two narrow matrices are trained. What they give is added into the layer's output by the product itself, so
 * that no wide tensor is read or written for it; the scale multiplies the narrow tensor between them.
 */
import { ShapeError } from '../../errors.js';
import { expectOptions, expectTensors, expectWeight } from '../expect.js';
import { gemm } from '../gemm.js';
import { flat, run } from '../run.js';
import { track } from '../tape.js';
import { Tensor } from '../tensor.js';
import type { Weight } from '../weights/index.js';
import { dropoutParams } from './dropout.js';
import { addGradients, project, sourcesOf } from './linear.js';

/** What stands beside a linear layer. */
export interface LowRank {
  /** [rank, inputs] */
  readonly down: Tensor;
  /** [outputs, rank] */
  readonly up: Tensor;
  /** Multiplies what the adapter adds. */
  readonly scale: number;
  /** On what the adapter reads of x; the layer reads all of it. None by default. See `dropout`. */
  readonly dropout?: { readonly probability: number; readonly seed: number } | undefined;
}

/**
 * y = x W^T (+ bias) + scale dropout(x) down^T up^T. x [..., inputs], weight [outputs, inputs] in any format, bias
 * [outputs] -> y [..., outputs]. Gradients go to x, down and up, and as in `linear` to weight and bias where they are
 * trained.
 * @throws OptionError, ShapeError
 */
export function adaptedLinear(
  x: Tensor,
  weight: Weight,
  options: LowRank & { readonly bias?: Tensor | undefined },
): Tensor {
  expectTensors('adaptedLinear', { x });
  expectWeight('adaptedLinear', 'weight', weight);
  expectOptions('adaptedLinear', options, ['down', 'up', 'scale', 'dropout', 'bias']);
  const { down, up, scale, dropout, bias } = options;
  expectTensors('adaptedLinear', { down, up, ...(bias && { bias }) });
  checkShapes(weight, down, up);
  const { device } = x;
  const params = dropout && dropoutParams('adaptedLinear', dropout);
  const dropped = (values: Tensor) =>
    params ? run(device, 'dropout', { x: flat(values) }, params, { y: values.shape }).y : values.alias();
  const scaled = (values: Tensor) =>
    run(device, 'scale', { x: flat(values) }, { factor: scale }, { y: values.shape }).y;
  const narrow = () => Tensor.empty(device, [...x.shape.slice(0, -1), down.shape[0] as number], 'f32', 'adapter');

  const layer = { x, weight, bias };
  const y = project('adaptedLinear', layer);
  const read = dropped(x);
  const between = narrow();
  gemm('gemmNT', read, down, between);
  read.dispose();
  const h = scaled(between);
  between.dispose();
  gemm('gemmNT', h, up, y, 1);

  return track([...sourcesOf(layer), down, up], y, (dy, gradients) => {
    addGradients(layer, dy, gradients);
    if (gradients.wants(up)) {
      const dUp = gradients.into(up);
      gemm('gemmTN', dy, h, dUp.tensor, dUp.accumulate);
    }
    if (!gradients.wants(down) && !gradients.wants(x)) return;
    const before = narrow();
    gemm('gemmNN', dy, up, before);
    const dh = scaled(before);
    before.dispose();
    if (gradients.wants(down)) {
      const dDown = gradients.into(down);
      // The mask is a function of its seed: drawn again, what was read need not be kept.
      const readAgain = dropped(x);
      gemm('gemmTN', dh, readAgain, dDown.tensor, dDown.accumulate);
      readAgain.dispose();
    }
    if (gradients.wants(x)) {
      if (params) {
        const dRead = Tensor.empty(device, x.shape, 'f32', 'adapter.dx');
        gemm('gemmNN', dh, down, dRead);
        const dx = dropped(dRead);
        dRead.dispose();
        gradients.add(x, dx);
        dx.dispose();
      } else {
        const dx = gradients.into(x);
        gemm('gemmNN', dh, down, dx.tensor, dx.accumulate);
      }
    }
    dh.dispose();
  });
}

/** @throws ShapeError */
function checkShapes({ shape: [outputs, inputs] }: Weight, down: Tensor, up: Tensor): void {
  const [rank] = down.shape;
  const fits = down.shape.join() === `${rank},${inputs}` && up.shape.join() === `${outputs},${rank}`;
  if (fits) return;
  throw new ShapeError(
    `adaptedLinear: down is [${down.shape.join(', ')}] and up [${up.shape.join(', ')}], expected [rank, ${inputs}] and ` +
      `[${outputs}, rank] for the weight [${outputs}, ${inputs}].`,
    { found: [down.shape, up.shape], expected: [outputs, inputs] },
  );
}
