import type { Tensor } from '../tensor/index.js';

/**
 * Which parameters weight decay touches.
 *
 * - `matrices`: every parameter of two or more axes; biases and the gains of norms, which have one axis, are exempt in
 *   every model family.
 * - `official`: DistiLLM's own rule. Exempt is what has `bias`, `ln_f.weight`, `ln_1.weight`, `ln_2.weight` or
 *   `ln_cross_attn` in its name: GPT-2's biases and norms, but the norms of OPT and LLaMA do decay.
 */
export const decayGroupings = ['matrices', 'official'] as const;
export type DecayGrouping = (typeof decayGroupings)[number];

const officialExemptions = ['bias', 'ln_f.weight', 'ln_1.weight', 'ln_2.weight', 'ln_cross_attn'];

/** Does weight decay touch this parameter? `name` is its checkpoint name. */
export function decays(name: string, parameter: Tensor, grouping: DecayGrouping): boolean {
  if (grouping === 'matrices') return parameter.shape.length > 1;
  return !officialExemptions.some((part) => name.includes(part));
}
