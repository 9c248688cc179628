import type { Checkpoint } from '../checkpoints/index.js';
import { CheckpointError } from '../errors.js';

/** The one text for checkpoints without a tokenizer: each says by what it would have one. `advice`: what to do. */
export function noTokenizer(checkpoints: readonly Checkpoint[], advice: string): CheckpointError {
  const expected = [...new Set(checkpoints.map(({ tokenizerLooksLike }) => tokenizerLooksLike))].join('; or ');
  const names = checkpoints.map(({ name }) => name).join(' and ');
  return new CheckpointError(`${names}: there is no tokenizer, expected ${expected}. ${advice}`, { expected });
}
