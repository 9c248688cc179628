/**
 * Which file of a Hugging Face folder says what of a tokenizer. Where several name a special token,
 * tokenizer_config.json and special_tokens_map.json count before the ids of generation_config.json and config.json.
 */
import * as z from 'zod';
import { CheckpointError } from '../errors.js';
import { parseJson } from '../io/json.js';
import { decodeText } from '../io/utf8.js';
import { AddedTokenSchema, type SpecialRole } from './addedTokens.js';
import { check } from './components/component.js';
import { pieceCount } from './formats/sentencePiece.js';
import { createTokenizer, type Tokenizer } from './tokenizer.js';

const TokenText = z
  .union([z.string(), z.object({ content: z.string() }).transform(({ content }) => content)])
  .nullish();
const Config = z.looseObject({
  bos_token: TokenText,
  eos_token: TokenText,
  unk_token: TokenText,
  pad_token: TokenText,
  add_bos_token: z.boolean().nullish(),
  add_eos_token: z.boolean().nullish(),
  extra_ids: z.int().min(0).max(10_000).nullish(),
  tokenizer_class: z.string().nullish(),
  add_prefix_space: z.boolean().nullish(),
  added_tokens_decoder: z.record(z.string(), AddedTokenSchema.omit({ id: true })).nullish(),
});
const ModelConfig = z.looseObject({
  model_type: z.unknown().optional(),
  unk_token_id: z.unknown().optional(),
  bos_token_id: z.unknown().optional(),
  eos_token_id: z.unknown().optional(),
  pad_token_id: z.unknown().optional(),
});

/** SentencePiece's files, by the names that folders give them. */
const sentencePieceFiles = ['tokenizer.model', 'spiece.model', 'sentencepiece.bpe.model'];

/**
 * The tokenizer of a Hugging Face folder from its files by name: tokenizer.json, else vocab.json and merges.txt, else
 * tokenizer.model or spiece.model (SentencePiece).
 * Optional: tokenizer_config.json, special_tokens_map.json for the special tokens, generation_config.json and config.json
 * for the ids of those that the first two do not name, and chat_template.jinja.
 * @throws CheckpointError when no tokenizer is among the files, or one is malformed.
 */
export function tokenizerFromFiles(
  files: ReadonlyMap<string, string | Uint8Array> | Readonly<Record<string, string | Uint8Array>>,
): Tokenizer {
  const contents = files instanceof Map ? files : new Map(Object.entries(files));
  const textOf = (name: string): string | undefined => {
    const content = contents.get(name);
    return content instanceof Uint8Array ? decodeText(content, name, 'text') : content;
  };
  const read = <T>(name: string, schema: z.ZodType<T>): T | undefined => {
    const content = textOf(name);
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
  const chatTemplate = textOf('chat_template.jinja');
  const shared = { specialTokens, roleIds, endIds, chatTemplate, ...(config && { config }) };

  const tokenizerJson = textOf('tokenizer.json');
  if (tokenizerJson !== undefined) return createTokenizer({ tokenizerJson, ...shared });
  const [vocab, merges] = [textOf('vocab.json'), textOf('merges.txt')];
  const sentencePiece = sentencePieceFiles.map((name) => contents.get(name)).find((file) => file !== undefined);
  if ((vocab === undefined || merges === undefined) && sentencePiece instanceof Uint8Array) {
    refuseTiktoken(sentencePiece);
    return createTokenizer({ sentencePiece, ...aroundOf(config, models[1]?.model_type, sentencePiece), ...shared });
  }
  if (vocab === undefined || merges === undefined) {
    throw new CheckpointError(
      `tokenizer: found ${[...contents.keys()].join(', ') || 'no files'}, expected tokenizer.json, or vocab.json and ` +
        `merges.txt, or ${sentencePieceFiles.join(' or ')}.`,
    );
  }
  return createTokenizer({
    vocab,
    merges,
    addedTokens: Object.entries(config?.added_tokens_decoder ?? {}).map(([id, token]) =>
      // Number('') is 0.
      check(
        AddedTokenSchema,
        { ...token, id: /^\d+$/.test(id) ? Number(id) : id },
        'tokenizer_config.json: added_tokens_decoder',
      ),
    ),
    addBosToken: config?.add_bos_token ?? false,
    addPrefixSpace: config?.add_prefix_space ?? false,
    ...shared,
  });
}

/** tokenizer.model is a file of tiktoken's in some folders: lines of base64 and a rank. @throws CheckpointError */
function refuseTiktoken(file: Uint8Array): void {
  const start = String.fromCharCode(...file.subarray(0, 200));
  if (!/^[A-Za-z0-9+/]+={0,2} \d+\r?\n[A-Za-z0-9+/]+={0,2} \d+/.test(start)) return;
  throw new CheckpointError(
    "tokenizer.model: it is a file of tiktoken's, which does not say how texts are cut, expected SentencePiece. In code, " +
      "loadTokenizer takes the option tiktoken: { file: 'tokenizer.model', pattern, specialTokens }.",
  );
}

/** What the classes of Hugging Face put around texts when their files do not say. T5's has tokens for what is left out. */
function aroundOf(config: z.output<typeof Config> | undefined, modelType: unknown, sentencePiece: Uint8Array) {
  const isT5 = config?.tokenizer_class?.includes('T5') || modelType === 't5' || modelType === 'mt5';
  const startsWithBos = /Llama|Gemma/.test(config?.tokenizer_class ?? '');
  const extraIds = config?.extra_ids ?? (isT5 && modelType !== 'mt5' ? 100 : 0);
  const end = extraIds > 0 ? pieceCount(sentencePiece) : 0;
  return {
    addBosToken: config?.add_bos_token ?? startsWithBos,
    addEosToken: config?.add_eos_token ?? isT5 ?? false,
    addedTokens: Array.from({ length: extraIds }, (_, i) => ({
      id: end + i,
      content: `<extra_id_${extraIds - 1 - i}>`,
    })),
  };
}
