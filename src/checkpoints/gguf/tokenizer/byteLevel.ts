/** Byte-level BPE in a GGUF file ("gpt2"), as a tokenizer.json. */
import { CheckpointError } from '../../../errors.js';
import { didYouMean } from '../../../requireOption.js';
import type { Metadata } from '../metadata.js';
import { type PreTokenizer, preTokenizers } from './preTokenizers.js';
import { type Tokens, tokenTypes } from './tokens.js';

/** The content of tokenizer.json. @throws CheckpointError for a way to cut texts that is not known */
export function byteLevelTokenizer(metadata: Metadata, tokens: Tokens): object {
  const { normalizer, pre_tokenizer, ignoreMerges = false, addsBos = false } = preTokenizerOf(metadata);
  const { texts, typeOf, roles } = tokens;
  const added = texts.flatMap((content, id) => {
    const type = typeOf(id);
    const isAdded = type === tokenTypes.control || type === tokenTypes.userDefined || type === tokenTypes.unknown;
    return isAdded ? [{ id, content, normalized: false, special: type !== tokenTypes.userDefined }] : [];
  });
  const [bos, eos] = [
    metadata.flag('tokenizer.ggml.add_bos_token', addsBos) ? roles.bos : undefined,
    metadata.flag('tokenizer.ggml.add_eos_token', false) ? roles.eos : undefined,
  ];
  return {
    version: '1.0',
    added_tokens: added,
    normalizer: normalizer ?? null,
    pre_tokenizer,
    post_processor: around(texts, bos, eos),
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      ignore_merges: ignoreMerges,
      vocab: vocabularyOf(metadata, tokens),
      merges: metadata.texts('tokenizer.ggml.merges'),
    },
  };
}

function preTokenizerOf(metadata: Metadata): PreTokenizer {
  const name = metadata.text('tokenizer.ggml.pre', 'default');
  const found = preTokenizers.find(({ names }) => names.includes(name));
  if (found) return found;
  const known = preTokenizers.flatMap(({ names }) => names);
  const advice = didYouMean(name, known) || 'Give the tokenizer of the Hugging Face folder of the model.';
  throw new CheckpointError(
    `${metadata.name}: tokenizer.ggml.pre is '${name}', expected one of ${known.join(', ')}. ${advice}`,
    { found: name, expected: known },
  );
}

/** Characters of the byte alphabet: other texts are those of added tokens. */
const inBytes = /^[!-~\u00a1-\u00ac\u00ae-\u0143]+$/;

/** Token -> id, without those that no text is made of. @throws CheckpointError for two tokens of one text */
function vocabularyOf(metadata: Metadata, { texts, typeOf }: Tokens): Readonly<Record<string, number>> {
  const ids = new Map<string, number>();
  for (const [id, text] of texts.entries()) {
    const type = typeOf(id);
    if (type === tokenTypes.unused || (type !== tokenTypes.normal && !inBytes.test(text))) continue;
    const other = ids.get(text);
    if (other !== undefined) {
      throw new CheckpointError(
        `${metadata.name}: the tokens ${other} and ${id} are both ${JSON.stringify(text)}. Convert the model again.`,
        { found: id },
      );
    }
    ids.set(text, id);
  }
  return Object.fromEntries(ids);
}

/** What puts tokens before and after a text. */
function around(texts: readonly string[], bos: number | undefined, eos: number | undefined): object | null {
  const special = (id: number | undefined) =>
    id === undefined ? [] : [{ SpecialToken: { id: texts[id] as string, type_id: 0 } }];
  const ids = [bos, eos].filter((id) => id !== undefined);
  if (ids.length === 0) return null;
  const sequence = (id: 'A' | 'B', type_id: number) => ({ Sequence: { id, type_id } });
  return {
    type: 'TemplateProcessing',
    single: [...special(bos), sequence('A', 0), ...special(eos)],
    pair: [...special(bos), sequence('A', 0), sequence('B', 0), ...special(eos)],
    special_tokens: Object.fromEntries(ids.map((id) => [texts[id], { id: texts[id], ids: [id], tokens: [texts[id]] }])),
  };
}
