import type { Sample } from '../data/batch.js';
import { DataError } from '../errors.js';
import { inWords } from '../inWords.js';

/**
 * Whether a value is a sample, for callers without types.
 * @param where begins messages, and names the sample: 'data.train[3]'
 * @throws DataError
 */
export function checkSample(where: string, sample: unknown): Sample {
  const refuse = (what: string, found: unknown, expected: string) =>
    new DataError(`${where}${what} is ${inWords(found)}, expected ${expected}.`, { found, expected });
  if (typeof sample !== 'object' || sample === null) throw refuse('', sample, 'a sample, { ids, promptLength }');
  const { ids, promptLength } = sample as Partial<Sample>;
  if (!(ids instanceof Int32Array)) throw refuse('.ids', ids, 'an Int32Array');
  if (!Number.isInteger(promptLength)) throw refuse('.promptLength', promptLength, 'an integer');
  if (ids.length === 0) throw new DataError(`${where} has no tokens.`, { found: 0, expected: 1 });
  if (!((promptLength as number) >= 0 && (promptLength as number) <= ids.length)) {
    throw new DataError(
      `${where}: ${ids.length} tokens with a prompt of ${promptLength}, expected the prompt among them.`,
      {
        found: promptLength,
        expected: ids.length,
      },
    );
  }
  const { lossMask } = sample as Partial<Sample>;
  if (lossMask === undefined) return sample as Sample;
  if (!(lossMask instanceof Uint8Array)) throw refuse('.lossMask', lossMask, 'a Uint8Array');
  if (lossMask.length === ids.length) return sample as Sample;
  throw new DataError(
    `${where}: ${ids.length} tokens with a lossMask of ${lossMask.length}, expected one entry a token.`,
    {
      found: lossMask.length,
      expected: ids.length,
    },
  );
}

/** Where the first id is that a vocabulary of this size does not have; undefined where all are in it. */
export function idOutside(ids: Int32Array, vocabSize: number): number | undefined {
  // A loop: a function call for each id of a corpus takes ten times as long.
  for (let i = 0; i < ids.length; i++) if ((ids[i] as number) < 0 || (ids[i] as number) >= vocabSize) return i;
  return undefined;
}
