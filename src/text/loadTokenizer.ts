import * as z from 'zod';
import { type CheckpointSource, checkpointOption, openCheckpoint } from '../checkpoints/index.js';
import { CheckpointError, OptionError } from '../errors.js';
import type { FileStore } from '../io/fileStore.js';
import { decodeText } from '../io/utf8.js';
import { type OpenOptions, openFile, openFolder, openOptions } from '../platform/openFolder.js';
import { checkOption, checkOptions, type Fields, ranges } from '../settings/index.js';
import type { SpecialRole } from './addedTokens.js';
import { noTokenizer } from './noTokenizer.js';
import { createTokenizer, type Tokenizer } from './tokenizer.js';
import { tokenizerFromFiles } from './tokenizerFiles.js';
import { MAX_ID } from './vocabulary.js';

/** What no file of tiktoken's says: how texts are cut, and which tokens are special. */
export interface TiktokenOptions {
  /** The file in the folder; left out where the source is the file's own path or URL. */
  readonly file?: string;
  /** The regular expression that cuts texts into pieces, as tiktoken's `pat_str` has it. */
  readonly pattern: string;
  /** Special tokens and their ids, as tiktoken's `special_tokens` has them. None by default. */
  readonly specialTokens?: Readonly<Record<string, number>>;
  /** The special token that begins a text. None by default. */
  readonly bos?: string;
  /** The special token that ends a text. None by default. */
  readonly eos?: string;
  /** The special token that fills sequences up. None by default. */
  readonly pad?: string;
}

/** How a tokenizer's files are opened and read. */
export interface LoadTokenizerOptions extends OpenOptions {
  /** The source is a file of tiktoken's, or holds one. By default it is a folder of Hugging Face or SentencePiece. */
  readonly tiktoken?: TiktokenOptions;
}

const role = z.string('a special token').optional();
const loadOptions = openOptions.extend({
  tiktoken: z
    .strictObject({
      file: ranges.text.optional(),
      pattern: ranges.text,
      specialTokens: z.record(z.string(), ranges.integer(0, MAX_ID - 1), 'an object of token: id').default({}),
      bos: role,
      eos: role,
      pad: role,
    } satisfies Fields<TiktokenOptions>)
    .optional(),
} satisfies Fields<Pick<LoadTokenizerOptions, 'tiktoken'>>);

/**
 * The tokenizer of a checkpoint. See `tokenizerFromFiles` for the files that it takes. With `tiktoken`, that of a file of
 * tiktoken's.
 * @param source a folder's path, a URL, a FileStore or an opened checkpoint; see `openCheckpoint`
 * @example
 * const tokenizer = await loadTokenizer('./gpt2');
 * const pattern = String.raw`[^\s]+|\s+`;
 * const specialTokens = { '<|endoftext|>': 100257 };
 * await loadTokenizer('./ranks.tiktoken', { tiktoken: { pattern, specialTokens, eos: '<|endoftext|>' } });
 * @throws OptionError for another source or option; CheckpointError when there is no tokenizer, or a file is malformed
 */
export async function loadTokenizer(source: CheckpointSource, options: LoadTokenizerOptions = {}): Promise<Tokenizer> {
  checkOption('loadTokenizer', 'source', source, checkpointOption);
  const { tiktoken, ...opening } = checkOptions('loadTokenizer', loadOptions, options);
  if (tiktoken) return loadTiktoken(source, tiktoken, opening);
  const checkpoint = await openCheckpoint(source, opening);
  const files = await checkpoint.tokenizerFiles();
  if (!files) {
    throw noTokenizer([checkpoint], 'Take that of the model which it was made from.');
  }
  return within(checkpoint.name, () => tokenizerFromFiles(files));
}

type Tiktoken = NonNullable<z.output<typeof loadOptions>['tiktoken']>;

async function loadTiktoken(
  source: CheckpointSource,
  { file, pattern, specialTokens, ...roles }: Tiktoken,
  opening: OpenOptions,
): Promise<Tokenizer> {
  for (const [name, token] of Object.entries(roles)) {
    if (token === undefined || Object.hasOwn(specialTokens, token)) continue;
    throw new OptionError(
      `loadTokenizer: tiktoken.${name} is ${JSON.stringify(token)}, expected one of tiktoken.specialTokens.`,
      { option: `tiktoken.${name}`, found: token, expected: Object.keys(specialTokens) },
    );
  }
  const { store, path } = tiktokenFile(source, file, opening);
  const where = `${store.name}/${path}`;
  if (file === undefined) await refuseFolder(store, path);
  const content = decodeText(await store.read(path), where, 'text');
  return within(where, () =>
    createTokenizer({
      tiktoken: content,
      pattern,
      addedTokens: Object.entries(specialTokens).map(([text, id]) => ({ content: text, id })),
      specialTokens: roles as Partial<Record<SpecialRole, string>>,
    }),
  );
}

/** @throws OptionError where nothing says which file is meant */
function tiktokenFile(source: CheckpointSource, file: string | undefined, opening: OpenOptions) {
  if (typeof source === 'string') {
    return file === undefined ? openFile(source, opening) : { store: openFolder(source, opening), path: file };
  }
  if (!('tensors' in source) && file !== undefined) return { store: source, path: file };
  throw new OptionError(
    'loadTokenizer: with tiktoken, the source is the path or URL of a file, or a folder or FileStore with the name of the ' +
      'file as tiktoken.file.',
    { option: 'tiktoken.file', found: file },
  );
}

/** @throws OptionError where the source is a folder, and nothing says which of its files is meant */
async function refuseFolder(store: FileStore, path: string): Promise<void> {
  // A server does not tell its folders from its files.
  const listing = await store.list().catch(() => undefined);
  if (!listing?.folders.includes(path)) return;
  const { files } = await store.folder(path).list();
  const likely = files.find((name) => /\.tiktoken$/.test(name)) ?? files.find((name) => name === 'tokenizer.model');
  throw new OptionError(
    `loadTokenizer: ${store.name}/${path} is a folder, expected a file of tiktoken's. Name the file in it as tiktoken.file` +
      `${likely === undefined ? '' : `, '${likely}' perhaps`}.`,
    { option: 'tiktoken.file', expected: likely },
  );
}

/** The same, with `where` before what a CheckpointError says. */
function within(where: string, read: () => Tokenizer): Tokenizer {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    throw new CheckpointError(`${where}: ${error.message}`, { cause: error });
  }
}
