import { fineTuneOptions } from '../settings.js';
import type { FineTuneOptions } from './options.js';
import { startTraining, type TrainingRun } from './start.js';

/**
 * Supervised fine-tuning of `model` on the data's responses, by cross-entropy: how teachers are made and students are
 * prepared. Nothing happens until the result is iterated by `for await`; `await` alone starts nothing. Stopped and
 * released as `distill`.
 * @example
 * for await (const event of fineTune({ model, data, tokenizer, epochs: 3 })) console.log(event);
 * @throws as `distill`
 */
export const fineTune = (options: FineTuneOptions): TrainingRun => startTraining('fineTune', fineTuneOptions, options);
