import type { Tensor } from '../tensor/index.js';
import type { ParameterSpec } from './family.js';

/** What linear layers and norms have in common: x -> weight of it + bias. */
export interface Affine {
  readonly weight: Tensor;
  readonly bias: Tensor;
}

export const affineOf = (parameters: ReadonlyMap<string, Tensor>, name: string): Affine => ({
  weight: parameters.get(`${name}.weight`) as Tensor,
  bias: parameters.get(`${name}.bias`) as Tensor,
});

/** The parameters of a layer norm over `size` features: 1 and 0 at first. */
export function specifyNorm(specs: Map<string, ParameterSpec>, name: string, size: number): void {
  specs.set(`${name}.weight`, { shape: [size], initial: 'ones' });
  specs.set(`${name}.bias`, { shape: [size], initial: 'zeros' });
}
