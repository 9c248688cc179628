import type { SamplerOptions } from '../index.js';
import { countOrZero, flag, notNegative, positive, share, type Values, withDefault } from './options.js';

export const samplingOptions = {
  greedy: flag('always the likeliest token: the same as --temperature 0'),
  temperature: withDefault('<number>', notNegative, 'divides the logits; 0 takes the likeliest token', 1),
  topK: withDefault('<number>', countOrZero, 'draws among so many of the likeliest tokens; 0 is off', 0),
  topP: withDefault('<share>', share, 'draws among the likeliest tokens with this probability together', 1),
  repetitionPenalty: withDefault('<number>', positive, 'makes tokens that were there less likely; 1 is off', 1),
  noRepeatNgramSize: withDefault('<number>', countOrZero, 'no sequence of so many tokens comes twice; 0 is off', 0),
};

export const samplingOf = (options: Values<typeof samplingOptions>): SamplerOptions => ({
  temperature: options.greedy ? 0 : options.temperature,
  topK: options.topK,
  topP: options.topP,
  repetitionPenalty: options.repetitionPenalty,
  noRepeatNgramSize: options.noRepeatNgramSize,
});
