/**
 * Which file of a Hugging Face folder says what of a tokenizer. Where several name a special token,
 * tokenizer_config.json and special_tokens_map.json count before the ids of generation_config.json and config.json.
 */
import * as z from 'zod';
import { CheckpointError } from '../errors.js';
import { parseJson } from '../io/json.js';
import { createTokenizer, type Tokenizer } from './tokenizer.js';
import { AddedTokenSchema, check, type SpecialRole } from './tokenizerSpec.js';

const TokenText = z
  .union([z.string(), z.object({ content: z.string() }).transform(({ content }) => content)])
  .nullish();
const Config = z.looseObject({
  bos_token: TokenText,
  eos_token: TokenText,
  unk_token: TokenText,
  pad_token: TokenText,
  add_bos_token: z.boolean().nullish(),
  add_prefix_space: z.boolean().nullish(),
  added_tokens_decoder: z.record(z.string(), AddedTokenSchema.omit({ id: true })).nullish(),
});
const ModelConfig = z.looseObject({
  unk_token_id: z.unknown().optional(),
  bos_token_id: z.unknown().optional(),
  eos_token_id: z.unknown().optional(),
  pad_token_id: z.unknown().optional(),
});

/**
 * The tokenizer of a Hugging Face folder from its files by name: tokenizer.json, else vocab.json and merges.txt.
 * Optional: tokenizer_config.json, special_tokens_map.json for the special tokens, and generation_config.json,
 * config.json for the ids of those that the first two do not name.
 * @throws CheckpointError when no tokenizer is among the files, or one is malformed.
 */
export function tokenizerFromFiles(files: ReadonlyMap<string, string> | Readonly<Record<string, string>>): Tokenizer {
  const contents = files instanceof Map ? files : new Map(Object.entries(files));
  const read = <T>(name: string, schema: z.ZodType<T>): T | undefined => {
    const content = contents.get(name);
    return content === undefined ? undefined : check(schema, parseJson(content, name), name);
  };
  const config = read('tokenizer_config.json', Config);
  const map = read('special_tokens_map.json', Config);
  const models = [read('generation_config.json', ModelConfig), read('config.json', ModelConfig)];
  const specialTokens: Partial<Record<SpecialRole, string>> = {};
  const roleIds: Partial<Record<SpecialRole, number>> = {};
  for (const role of ['bos', 'eos', 'unk', 'pad'] as const) {
    const token = config?.[`${role}_token`] ?? map?.[`${role}_token`];
    if (token) specialTokens[role] = token;
    // null says that there is none.
    if (token || config?.[`${role}_token`] === null) continue;
    const ids = models.map((model) => [model?.[`${role}_token_id`]].flat()[0]);
    const id = ids.find((candidate) => typeof candidate === 'number');
    if (id !== undefined) roleIds[role] = id;
  }
  // A model stops at the ids of generation_config.json; without that file, at those of config.json.
  const ends = models.find((model) => model?.eos_token_id !== undefined && model.eos_token_id !== null)?.eos_token_id;
  const endIds = [ends].flat().filter((id): id is number => typeof id === 'number');
  const shared = { specialTokens, roleIds, endIds, ...(config && { config }) };

  const tokenizerJson = contents.get('tokenizer.json');
  if (tokenizerJson !== undefined) return createTokenizer({ tokenizerJson, ...shared });
  const vocab = contents.get('vocab.json');
  const merges = contents.get('merges.txt');
  if (vocab === undefined || merges === undefined) {
    throw new CheckpointError(
      `tokenizer: found ${[...contents.keys()].join(', ') || 'no files'}, expected tokenizer.json, or vocab.json and merges.txt.`,
    );
  }
  return createTokenizer({
    vocab,
    merges,
    addedTokens: Object.entries(config?.added_tokens_decoder ?? {}).map(([id, token]) => ({
      id: Number(id),
      ...token,
    })),
    addBosToken: config?.add_bos_token ?? false,
    addPrefixSpace: config?.add_prefix_space ?? false,
    ...shared,
  });
}
