/**
 * Models whose LM head is their token embedding, and files that disagree. transformers has written files with the head
 * alone, and files with another head beside a config that ties it; what a file holds must not be dropped without a word.
 */
import { readFloatPieces, type TensorSource } from '../io/tensorSource.js';

/** The head's name in every checkpoint. */
export const headName = 'lm_head.weight';

/**
 * Whether a file holds a head that is not its token embedding.
 * @param table the embedding's name in the file; undefined where it is not there
 */
export async function hasOtherHead(weights: TensorSource, table: string | undefined): Promise<boolean> {
  if (table === undefined || !weights.entries.has(headName)) return false;
  return !(await isCopy(weights, headName, table));
}

/** Whether a file holds the same tensor under both names. */
export async function isCopy(weights: TensorSource, one: string, other: string): Promise<boolean> {
  const [first, second] = [weights.entries.get(one), weights.entries.get(other)];
  // Only what is stored alike is read at the same pace.
  if (first?.shape.join() !== second?.shape.join() || first?.dtype !== second?.dtype) return false;
  const buffers = [new Uint8Array(comparedBytes), new Uint8Array(comparedBytes)] as const;
  const others = readFloatPieces(weights, other, buffers[1]);
  for await (const piece of readFloatPieces(weights, one, buffers[0])) {
    const same = (await others.next()).value as Float32Array;
    for (let i = 0; i < piece.length; i++) if (piece[i] !== same[i]) return false;
  }
  return true;
}

/** Bytes of each that are compared at a time. */
const comparedBytes = 2 ** 20;

/** A command loads a checkpoint several times: to see its size, and to use it. */
const warned = new WeakSet<object>();

/** Says that both are kept, once of a checkpoint. */
export function warnOfOtherHead(checkpoint: object, where: string, config: string): void {
  if (warned.has(checkpoint)) return;
  warned.add(checkpoint);
  console.warn(
    `${where} holds another ${headName} than its token embedding, although ${config} ties the two. Both are kept; a ` +
      'saved model says tie_word_embeddings false.',
  );
}
