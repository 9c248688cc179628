import { CheckpointError } from '../errors.js';
import { quoted } from '../inWords.js';
import { didYouMean } from '../requireOption.js';
import type { AnyFamily } from './family.js';

/**
 * `model_type` of config.json -> its family, under as many names as it has. A family's code is loaded with its first
 * model.
 */
const families: Readonly<Record<string, () => Promise<{ family: AnyFamily }>>> = {
  gpt2: () => import('./gpt2.js'),
  opt: () => import('./opt.js'),
};

/** @throws CheckpointError when there is no such family */
export async function findFamily(modelType: unknown, where: string): Promise<AnyFamily> {
  const load = typeof modelType === 'string' && Object.hasOwn(families, modelType) ? families[modelType] : undefined;
  if (!load) {
    const known = Object.keys(families);
    const advice = didYouMean(modelType, known) || 'Take another model.';
    throw new CheckpointError(
      `${where}: model_type is ${quoted(modelType)}, expected one of ${known.join(', ')}. ${advice}`,
      { found: modelType, expected: known },
    );
  }
  return (await load()).family;
}
