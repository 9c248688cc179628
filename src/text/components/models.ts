/** The models that are known, by the type that tokenizer.json gives. */
import * as z from 'zod';
import { inWords } from '../../inWords.js';
import { check, unsupportedIn } from './component.js';
import { readBpe } from './models/bpe.js';
import type { Model } from './models/model.js';
import { readUnigram } from './models/unigram.js';

const models: Readonly<Record<string, (json: unknown, byteLevel: boolean) => Model>> = {
  BPE: readBpe,
  Unigram: readUnigram,
};

/**
 * What reads a model, once the stages are known. Its type is looked at first: stages of another one are unknown as well.
 * @throws CheckpointError for another type, and what is malformed
 */
export function modelReader(json: unknown): (byteLevel: boolean) => Model {
  const { type } = check(z.looseObject({ type: z.string().default('BPE') }), json, 'tokenizer.json: model');
  const read = Object.hasOwn(models, type) ? models[type] : undefined;
  if (!read) throw unsupportedIn(`model ${inWords(type)}`, `one of ${Object.keys(models).join(', ')}`);
  return (byteLevel) => read(json, byteLevel);
}
