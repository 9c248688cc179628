import { OptionError } from '../../errors.js';
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

/** @throws OptionError when `value` is outside the range. */
export function inRange(
  divergence: string,
  option: string,
  value: number,
  { from, to, open }: { readonly from: number; readonly to: number; readonly open: 'none' | 'end' | 'both' },
): number {
  const low = open === 'both' ? value > from : value >= from;
  const high = open === 'none' ? value <= to : value < to;
  if (low && high && Number.isFinite(value)) return value;
  const expected = `${open === 'both' ? 'above' : 'at least'} ${from} and ${open === 'none' ? 'at most' : 'below'} ${to}`;
  throw new OptionError(`${divergence}: ${option} is ${value}, expected ${expected}.`, { found: value, expected });
}

/** @throws OptionError unless it is a positive number. */
export function checkTemperature(divergence: string, temperature = 1): number {
  return inRange(divergence, 'temperature', temperature, { from: 0, to: Number.POSITIVE_INFINITY, open: 'both' });
}
