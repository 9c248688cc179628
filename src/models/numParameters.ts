import { checkOption } from '../settings/index.js';
import { type LanguageModel, modelOption } from './model.js';

/** Weights of a model, tied ones once. @throws OptionError for what is no model */
export const numParameters = (model: LanguageModel): number => {
  const { parameters, weights } = checkOption('numParameters', 'model', model, modelOption);
  const tensors = new Set([...parameters.values(), ...[...weights.values()].map(({ values }) => values)]);
  return [...tensors].reduce((total, { size }) => total + size, 0);
};
