import type { LanguageModel } from './model.js';

/** Weights of a model, tied ones once. */
export const numParameters = ({ parameters }: LanguageModel): number =>
  [...parameters.values()].reduce((total, { size }) => total + size, 0);
