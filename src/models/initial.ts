import { sizeOf } from '../tensor/index.js';
import type { ParameterSpec } from './parts.js';

/** Generators that initial values are drawn from: standard normal numbers, and uniform ones in (0, 1). */
export interface Draws {
  readonly normal: () => number;
  readonly uniform: () => number;
}

/** The values of a parameter in a new model, row-major. */
export function initialValues({ shape, initial }: ParameterSpec, { normal, uniform }: Draws): Float32Array {
  const values = new Float32Array(sizeOf(shape));
  if (initial === 'zeros') return values;
  if (initial === 'ones') return values.fill(1);
  const draw = 'normal' in initial ? () => initial.normal * normal() : () => initial.uniform * (2 * uniform() - 1);
  for (let i = 0; i < values.length; i++) values[i] = draw();
  return values;
}
