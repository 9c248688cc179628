import { CheckpointError } from '../errors.js';
import type { FileStore } from '../io/fileStore.js';
import { openFolder } from '../platform/openFolder.js';
import type { Tokenizer } from './tokenizer.js';
import { tokenizerFromFiles } from './tokenizerFiles.js';

const names = [
  'tokenizer.json',
  'vocab.json',
  'merges.txt',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'generation_config.json',
  'config.json',
];

/**
 * The tokenizer of a Hugging Face folder. See `tokenizerFromFiles` for the files that it takes.
 * @param source a folder's path, a URL or a FileStore; see `openFolder`
 * @example
 * const tokenizer = await loadTokenizer('./gpt2');
 * @throws CheckpointError when the folder holds no tokenizer, or a file is malformed
 */
export async function loadTokenizer(source: string | FileStore): Promise<Tokenizer> {
  const store = openFolder(source);
  const files = new Map<string, string>();
  for (const name of names) {
    if (await store.exists(name)) files.set(name, new TextDecoder().decode(await store.read(name)));
  }
  try {
    return tokenizerFromFiles(files);
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    throw new CheckpointError(`${store.name}: ${error.message}`, { cause: error });
  }
}
