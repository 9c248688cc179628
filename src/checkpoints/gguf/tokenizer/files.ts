/** The tokenizer and the chat template of a GGUF file, as the files of a Hugging Face folder. */
import { CheckpointError } from '../../../errors.js';
import type { Metadata } from '../metadata.js';
import { byteLevelTokenizer } from './byteLevel.js';
import { sentencePieceModel } from './sentencePiece.js';
import { type Tokens, tokensOf } from './tokens.js';

const kindKey = 'tokenizer.ggml.model';
const kinds = ['gpt2', 'llama', 't5'];

/** By name; undefined where the file has none. @throws CheckpointError for a kind that is not known */
export function tokenizerFilesOf(metadata: Metadata): ReadonlyMap<string, Uint8Array> | undefined {
  const kind = metadata.text(kindKey, 'none');
  if (kind === 'none' || kind === 'no_vocab') return undefined;
  if (kind !== 'gpt2' && kind !== 'llama' && kind !== 't5') {
    throw new CheckpointError(
      `${metadata.name}: ${kindKey} is '${kind}', expected one of ${kinds.join(', ')}. ` +
        'Give the tokenizer of the Hugging Face folder of the model.',
      { found: kind, expected: kinds },
    );
  }
  const tokens = tokensOf(metadata);
  const model: [string, Uint8Array] =
    kind === 'gpt2'
      ? ['tokenizer.json', json(byteLevelTokenizer(metadata, tokens))]
      : ['tokenizer.model', sentencePieceModel(metadata, tokens, kind)];
  return new Map([
    model,
    ['tokenizer_config.json', json(configOf(metadata, tokens, kind))],
    ['generation_config.json', generationConfigOf(tokens)],
  ]);
}

function configOf(metadata: Metadata, { texts, roles }: Tokens, kind: 'gpt2' | 'llama' | 't5'): object {
  const template = metadata.optionalText('tokenizer.chat_template');
  const named = Object.entries(roles).flatMap(([role, id]) => (id === undefined ? [] : [[`${role}_token`, texts[id]]]));
  const isUnigram = kind === 't5';
  return {
    ...Object.fromEntries(named),
    // tokenizer.json says it itself.
    ...(kind !== 'gpt2' && {
      add_bos_token: metadata.flag('tokenizer.ggml.add_bos_token', !isUnigram) && roles.bos !== undefined,
      add_eos_token: metadata.flag('tokenizer.ggml.add_eos_token', isUnigram) && roles.eos !== undefined,
    }),
    ...(template !== undefined && { chat_template: template }),
  };
}

/** generation_config.json: the ids at which the model stops. */
export function generationConfigOf({ roles, ends }: Tokens): Uint8Array {
  return json({
    ...(roles.bos !== undefined && { bos_token_id: roles.bos }),
    ...(ends.length > 0 && { eos_token_id: ends.length === 1 ? ends[0] : ends }),
    ...(roles.pad !== undefined && { pad_token_id: roles.pad }),
  });
}

const json = (value: object): Uint8Array => new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
