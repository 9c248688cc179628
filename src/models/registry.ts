import { CheckpointError } from '../errors.js';
import { quoted } from '../inWords.js';
import { didYouMean } from '../requireOption.js';
import type { AnyFamily } from './family.js';
import { family as gpt2 } from './gpt2.js';
import { family as llama } from './llama.js';
import { family as mistral } from './mistral.js';
import { family as opt } from './opt.js';
import { family as qwen2 } from './qwen2.js';
import { family as qwen3 } from './qwen3.js';

/**
 * `model_type` of config.json -> its family, under as many names as it has. They are imported as they stand: with
 * chunks that are loaded later, Vite makes no worker by its defaults.
 */
const families: Readonly<Record<string, AnyFamily>> = { gpt2, llama, mistral, opt, qwen2, qwen3 };

/** @throws CheckpointError when there is no such family */
export function findFamily(modelType: unknown, where: string): AnyFamily {
  const family = typeof modelType === 'string' && Object.hasOwn(families, modelType) ? families[modelType] : undefined;
  if (!family) {
    const known = Object.keys(families);
    const advice = didYouMean(modelType, known) || 'Take another model.';
    throw new CheckpointError(
      `${where}: model_type is ${quoted(modelType)}, expected one of ${known.join(', ')}. ${advice}`,
      { found: modelType, expected: known },
    );
  }
  return family;
}
