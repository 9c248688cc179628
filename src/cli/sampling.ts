import type { SamplerOptions } from '../index.js';
import { samplerOptions } from '../text/sampler.js';
import { flagsOf, optionsFrom } from './flags.js';
import { flag } from './options.js';

/** `defaults`: where a command has another one, in words. */
export const samplingOptions = (defaults: Readonly<Record<string, string>> = {}) => ({
  greedy: flag('always the likeliest token: the same as --temperature 0'),
  ...flagsOf(samplerOptions, defaults),
});

/** The seed so many places after another: 0 follows the largest, 2^53 - 1. */
export const seedAfter = (seed: number, places: number): number => {
  const room = Number.MAX_SAFE_INTEGER - seed;
  return places <= room ? seed + places : places - room - 1;
};

export const samplingOf = (values: { readonly greedy: boolean }): SamplerOptions => ({
  ...optionsFrom(samplerOptions, values),
  ...(values.greedy && { temperature: 0 }),
});
