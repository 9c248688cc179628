import type { TokenBatch } from '../data/batch.js';
import { LimitError } from '../errors.js';

/**
 * Each token's index within its row, so that padding on the left moves nothing; padding gets any valid position.
 * @param past tokens in the cache before the batch
 * @param max positions that the model has
 * @throws LimitError when a row has more tokens than that
 */
export function positionIds(
  family: string,
  { batch, seq, keyRange }: TokenBatch,
  past: number,
  max: number,
): Int32Array {
  const positions = new Int32Array(batch * seq);
  for (let row = 0; row < batch; row++) {
    const first = keyRange[2 * row] as number;
    const tokens = (keyRange[2 * row + 1] as number) - first;
    if (tokens > max) {
      throw new LimitError(
        `${family}: row ${row} has ${tokens} tokens, the model has ${max} positions. Cut the sequence.`,
        { found: tokens, expected: max },
      );
    }
    for (let s = 0; s < seq; s++) positions[row * seq + s] = Math.min(Math.max(past + s - first, 0), max - 1);
  }
  return positions;
}
