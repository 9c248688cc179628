import type { LanguageModel } from './model.js';

/** Weights of a model, tied ones once. */
export const numParameters = ({ parameters, weights }: LanguageModel): number => {
  const tensors = new Set([...parameters.values(), ...[...weights.values()].map(({ values }) => values)]);
  return [...tensors].reduce((total, { size }) => total + size, 0);
};
