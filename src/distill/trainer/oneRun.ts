/** A student is trained by one run at a time: two would add up their gradients, and overwrite each other's weights. */
import { OptionError } from '../../errors.js';
import type { LanguageModel } from '../../models/model.js';
import type { Tensor } from '../../tensor/index.js';
import type { Learner } from './options.js';

const inTraining = new WeakSet<Tensor>();

/**
 * Takes the trained parameters of a student for a run.
 * @param learner names it in messages
 * @returns what gives them back
 * @throws OptionError where another run has them
 */
export function takeStudent({ parameters }: LanguageModel, learner: Learner): () => void {
  const trained = [...parameters.values()].filter(({ requiresGrad }) => requiresGrad);
  if (trained.some((parameter) => inTraining.has(parameter))) {
    throw new OptionError(
      `training: the ${learner} is being trained by another run. Wait until that has ended, or load it once more.`,
      { option: learner },
    );
  }
  for (const parameter of trained) inTraining.add(parameter);
  return () => {
    for (const parameter of trained) inTraining.delete(parameter);
  };
}
