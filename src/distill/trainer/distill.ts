import { type DistillSettings, distillOptions } from '../settings.js';
import type { DistillOptions } from './options.js';
import { startTraining, type TrainingRun } from './start.js';

/**
 * Distils `teacher` into `student`, in place, while the result is iterated by `for await`: nothing happens until then,
 * and `await` alone starts nothing. Options and data are checked at the call. Events are yielded as they happen: 'start', then a 'validation' of the untrained student, 'step'
 * after each optimizer step, 'validation' and 'checkpoint' at each epoch or interval, 'end'. One run, iterated once.
 *
 * - `break` (or an error) frees the optimizer's memory and gradients; the student keeps its weights as they are, and
 *   nothing is saved.
 * - `signal` lets the step in progress finish (one that is still generating is dropped), writes the `last` checkpoint,
 *   and ends the iteration with an 'end' event.
 * - The models, the tokenizer and the device are never disposed of: they are the caller's.
 *
 * @example
 * const loss = skewReverseKL();
 * const run = distill({ teacher, student, tokenizer, data, loss, sgo: adaptiveOffPolicy(), epochs: 20 });
 * for await (const event of run) if (event.type === 'step') console.log(event.step, event.loss);
 * @throws OptionError, DataError, CompatibilityError (vocabularies that differ), LimitError (sequences that are too
 * long, or memory); while iterating TrainingError (a loss that is not finite) and CheckpointError (`checkpoint` holds a run
 * and `resume` is not true, or a run that began with other settings; files that cannot be read or written)
 */
export const distill = (options: DistillOptions): TrainingRun<DistillSettings> =>
  // The settings of options with a loss have it too.
  startTraining('distill', distillOptions, options) as TrainingRun<DistillSettings>;
