/**
 * How texts are cut before byte-level BPE. A GGUF file has a name for it (`tokenizer.ggml.pre`), and llama.cpp the regular
 * expressions behind the names; here they are stages of a tokenizer.json. Names that mean the same share a record.
 * Source: llama.cpp's src/llama-vocab.cpp.
 */

export interface PreTokenizer {
  readonly names: readonly string[];
  readonly normalizer?: object;
  readonly pre_tokenizer: object;
  /** A word that is a token is that token, whatever the merges say. */
  readonly ignoreMerges?: boolean;
  /** BOS comes before a text where the file does not say. */
  readonly addsBos?: boolean;
}

const byteLevel = (use_regex: boolean) => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex,
});
const split = (Regex: string) => ({ type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false });
const sequence = (...pretokenizers: readonly object[]) => ({ type: 'Sequence', pretokenizers });
/** One regular expression. */
const by = (Regex: string) => sequence(split(Regex), byteLevel(false));

const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
/** What Llama 3 and those after it have, with so many digits a piece. */
const words = (digits: string) =>
  `${contractions}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;
const gpt2Words = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
const [upper, lower] = ['[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]', '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]'];
const tekkenWords =
  `[^\\r\\n\\p{L}\\p{N}]?${upper}*${lower}+|[^\\r\\n\\p{L}\\p{N}]?${upper}+${lower}*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|` +
  '\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';

export const preTokenizers: readonly PreTokenizer[] = [
  { names: ['gpt-2', 'phi-2', 'mpt', 'olmo', 'jais'], pre_tokenizer: byteLevel(true) },
  {
    names: ['smollm', 'starcoder', 'refact', 'command-r', 'codeshell', 'minerva-7b'],
    pre_tokenizer: sequence({ type: 'Digits', individual_digits: true }, byteLevel(true)),
  },
  {
    names: ['llama-bpe', 'llama3', 'llama-v3', 'falcon3'],
    pre_tokenizer: by(words('\\p{N}{1,3}')),
    ignoreMerges: true,
    addsBos: true,
  },
  { names: ['dbrx', 'smaug-bpe'], pre_tokenizer: by(words('\\p{N}{1,3}')) },
  {
    names: ['qwen2', 'deepseek-r1-qwen', 'megrez'],
    normalizer: { type: 'NFC' },
    pre_tokenizer: by(words('\\p{N}')),
  },
  { names: ['tekken'], pre_tokenizer: by(tekkenWords), ignoreMerges: true, addsBos: true },
  {
    names: ['default'],
    pre_tokenizer: sequence(
      split('[\\p{P}\\$\\+<=>\\^~\\|]+'),
      split(gpt2Words),
      split('\\p{N}+'),
      split('[0-9][0-9][0-9]'),
      byteLevel(false),
    ),
  },
];
