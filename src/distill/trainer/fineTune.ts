import { checkOptions } from './checks.js';
import type { TrainingEvent } from './events.js';
import { trainingLoop } from './loop.js';
import type { FineTuneOptions } from './options.js';
import { makePlan } from './plan.js';

/**
 * Supervised fine-tuning of `student` on the data's responses, by cross-entropy: how teachers are made and students are
 * prepared. Iterated, stopped and released as `distill`.
 * @example
 * for await (const event of fineTune({ student, data, tokenizer, epochs: 3 })) console.log(event);
 * @throws as `distill`
 */
export function fineTune(options: FineTuneOptions): AsyncGenerator<TrainingEvent, void, undefined> {
  checkOptions(options);
  return trainingLoop(makePlan(options));
}
