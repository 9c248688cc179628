import { type CheckpointSource, checkpointOption, openCheckpoint } from '../checkpoints/index.js';
import { CheckpointError } from '../errors.js';
import { type OpenOptions, openOptions } from '../platform/openFolder.js';
import { checkOption, checkOptions } from '../settings/index.js';
import type { Tokenizer } from './tokenizer.js';
import { tokenizerFromFiles } from './tokenizerFiles.js';

/**
 * The tokenizer of a checkpoint. See `tokenizerFromFiles` for the files that it takes.
 * @param source a folder's path, a URL, a FileStore or an opened checkpoint; see `openCheckpoint`
 * @example
 * const tokenizer = await loadTokenizer('./gpt2');
 * @throws OptionError for another source or option; CheckpointError when there is no tokenizer, or a file is malformed
 */
export async function loadTokenizer(source: CheckpointSource, options: OpenOptions = {}): Promise<Tokenizer> {
  checkOption('loadTokenizer', 'source', source, checkpointOption);
  const checkpoint = await openCheckpoint(source, checkOptions('loadTokenizer', openOptions, options));
  const files = await checkpoint.tokenizerFiles();
  if (!files) {
    throw new CheckpointError(
      `${checkpoint.name}: there is no tokenizer, expected tokenizer.json, or vocab.json and merges.txt, or tokenizer.model. ` +
        'Take the tokenizer of another folder.',
    );
  }
  try {
    return tokenizerFromFiles(files);
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    throw new CheckpointError(`${checkpoint.name}: ${error.message}`, { cause: error });
  }
}
