import type { SamplerOptions } from '../index.js';
import { samplerOptions } from '../text/sampler.js';
import { flagsOf, optionsFrom } from './flags.js';
import { flag } from './options.js';
import { asTyped, type Rule } from './rules.js';

/** `defaults`: where a command has another one, in words. */
export const samplingOptions = (defaults: Readonly<Record<string, string>> = {}) => ({
  greedy: flag('always the likeliest token: the same as --temperature 0'),
  ...flagsOf(samplerOptions, defaults),
});

/** Whether options have the likeliest token taken, whatever is drawn. */
export const isGreedy = ({ greedy, temperature }: Readonly<Record<string, unknown>>): boolean =>
  greedy === true || temperature === 0;

/** Options that shape a draw, beside one that says not to draw. */
export const samplingRules: readonly Rule[] = [
  (given) => {
    if (!isGreedy(given)) return undefined;
    const idle = ['temperature', 'topK', 'topP'].find((name) => given[name] !== undefined && given[name] !== 0);
    if (idle === undefined) return undefined;
    const greedy = given.greedy ? '--greedy' : '--temperature 0';
    return (
      `${asTyped(idle, given[idle])} is about what is drawn, and ${greedy} draws nothing: it takes the likeliest token. ` +
      'Leave one of them out.'
    );
  },
];

/** The seed so many places after another: 0 follows the largest, 2^53 - 1. */
export const seedAfter = (seed: number, places: number): number => {
  const room = Number.MAX_SAFE_INTEGER - seed;
  return places <= room ? seed + places : places - room - 1;
};

export const samplingOf = (values: { readonly greedy: boolean }): SamplerOptions => ({
  ...optionsFrom(samplerOptions, values),
  ...(values.greedy && { temperature: 0 }),
});
