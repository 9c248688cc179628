import type { SamplerOptions } from '../index.js';
import { samplerOptions } from '../text/sampler.js';
import { flagsOf, optionsFrom } from './flags.js';
import { flag } from './options.js';

/** `defaults`: where a command has another one, in words. */
export const samplingOptions = (defaults: Readonly<Record<string, string>> = {}) => ({
  greedy: flag('always the likeliest token: the same as --temperature 0'),
  ...flagsOf(samplerOptions, defaults),
});

export const samplingOf = (values: { readonly greedy: boolean }): SamplerOptions => ({
  ...optionsFrom(samplerOptions, values),
  ...(values.greedy && { temperature: 0 }),
});
