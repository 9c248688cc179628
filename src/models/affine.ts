import type { Tensor, Weight } from '../tensor/index.js';
import type { ModelParts, ParameterSpec } from './family.js';

/** What a linear layer holds: x -> x weight^T + bias. */
export interface Affine {
  readonly weight: Weight;
  readonly bias: Tensor;
}

export const affineOf = ({ parameters, weights }: ModelParts, name: string): Affine => ({
  weight: weights.get(`${name}.weight`) as Weight,
  bias: parameters.get(`${name}.bias`) as Tensor,
});

/** What a layer norm holds. */
export interface Norm {
  readonly weight: Tensor;
  readonly bias: Tensor;
}

export const normOf = ({ parameters }: ModelParts, name: string): Norm => ({
  weight: parameters.get(`${name}.weight`) as Tensor,
  bias: parameters.get(`${name}.bias`) as Tensor,
});

/** The parameters of a layer norm over `size` features: 1 and 0 at first. */
export function specifyNorm(specs: Map<string, ParameterSpec>, name: string, size: number): void {
  specs.set(`${name}.weight`, { shape: [size], initial: 'ones' });
  specs.set(`${name}.bias`, { shape: [size], initial: 'zeros' });
}
