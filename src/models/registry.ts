import { adviceOfOther } from '../checkpoints/index.js';
import { CheckpointError } from '../errors.js';
import { quoted } from '../inWords.js';
import { didYouMean } from '../requireOption.js';
import type { AnyFamily } from './family.js';
import { family as gemma3 } from './gemma3.js';
import { family as gpt2 } from './gpt2.js';
import { family as llama } from './llama.js';
import { family as mistral } from './mistral.js';
import { family as mt5 } from './mt5.js';
import { family as opt } from './opt.js';
import { family as qwen2 } from './qwen2.js';
import { family as qwen3 } from './qwen3.js';
import { family as t5 } from './t5.js';

/**
 * `model_type` of config.json -> its family, under as many names as it has. They are imported as they stand: with
 * chunks that are loaded later, Vite makes no worker by its defaults.
 */
const families: Readonly<Record<string, AnyFamily>> = {
  ...{ gpt2, llama, mistral, mt5, opt, qwen2, qwen3, t5 },
  gemma3_text: gemma3,
};

/** What to do about a `model_type` that holds one of the families inside. */
const wrappers: Readonly<Record<string, string>> = {
  gemma3:
    'It is a gemma3_text model with an encoder of images before it. Save the text model by itself, in transformers: ' +
    "whole = AutoModelForImageTextToText.from_pretrained('FOLDER'); " +
    'text = Gemma3ForCausalLM(whole.config.text_config); text.model = whole.model.language_model; ' +
    "text.tie_weights(); text.save_pretrained('TEXT'). The folder's tokenizer files belong to both.",
};

/** @throws CheckpointError when there is no such family */
export function findFamily(modelType: unknown, where: string): AnyFamily {
  const family = typeof modelType === 'string' && Object.hasOwn(families, modelType) ? families[modelType] : undefined;
  if (!family) {
    const known = Object.keys(families);
    const wrapper = typeof modelType === 'string' && Object.hasOwn(wrappers, modelType) && wrappers[modelType];
    const advice = wrapper || adviceOfOther(modelType) || didYouMean(modelType, known) || 'Take another model.';
    throw new CheckpointError(
      `${where}: model_type is ${quoted(modelType)}, expected one of ${known.join(', ')}. ${advice}`,
      { found: modelType, expected: known },
    );
  }
  return family;
}
