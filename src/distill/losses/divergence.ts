import type { DivergenceKind } from '../../backend/kernels/index.js';
import { optionChecker } from '../../optionChecker.js';
import type { DivergenceSpec } from '../../tensor/index.js';

/**
 * Which divergence between teacher p and student q a run minimises. Made by the factories of this folder; plain data,
 * the row of the divergence kernel that `linearDivergence` runs. Every value is complete (the teacher's entropy
 * included): in nats per token, 0 when p = q. Losses are means over the tokens that count.
 */
export type Divergence = Readonly<DivergenceSpec>;

export interface TemperatureOption {
  /**
   * Both models' logits are divided by it before the softmax: above 1 the small probabilities count more. The value and
   * its gradient are taken as they come out, without the factor temperature^2 that some add. Default 1.
   */
  readonly temperature?: number;
}

/** @throws OptionError unless the weight of `divergence` is in its range. */
export function checkWeight(
  divergence: DivergenceKind,
  option: 'alpha' | 'weight',
  weight: number,
  ok: boolean,
  expected: string,
): number {
  optionChecker(divergence)(option, weight, ok, expected);
  return weight;
}

/** @throws OptionError unless it is above 0 and finite. */
export function checkTemperature(divergence: DivergenceKind, temperature = 1): number {
  optionChecker(divergence)(
    'temperature',
    temperature,
    temperature > 0 && temperature < Infinity,
    'above 0 and finite',
  );
  return temperature;
}
