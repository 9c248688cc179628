/** 1 where the prediction is one of the references, white space at both ends aside, else 0. */
export const exactMatch = (prediction: string, references: readonly string[]): number =>
  references.some((reference) => reference.trim() === prediction.trim()) ? 1 : 0;
