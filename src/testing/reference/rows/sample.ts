import { expected, type Reference } from '../types.js';

const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24];

/** Threefry-2x32 with 13 rounds (Salmon et al. 2011). */
export function threefry(counter: readonly [number, number], key: readonly [number, number]): [number, number] {
  const keys = [key[0], key[1], key[0] ^ key[1] ^ 0x1bd11bda];
  let x = (counter[0] + key[0]) | 0;
  let y = (counter[1] + key[1]) | 0;
  for (let round = 0; round < 13; round++) {
    const by = ROTATIONS[round % 8]!;
    x = (x + y) | 0;
    y = x ^ ((y << by) | (y >>> (32 - by)));
    if (round % 4 === 3) {
      const turn = (round + 1) / 4;
      x = (x + keys[turn % 3]!) | 0;
      y = (y + keys[(turn + 1) % 3]! + turn) | 0;
    }
  }
  return [x >>> 0, y >>> 0];
}

/** An exponential waiting time of rate 1 from a word. */
function waiting(h: number): number {
  return h < 2 ** 31 ? -Math.log1p(-(h + 0.5) / 2 ** 32) : -Math.log((2 ** 32 - h - 0.5) / 2 ** 32);
}

interface Survivors {
  /** Weights, 0 for what was cut. */
  readonly weights: Float64Array;
  /** Tokens that roundings may keep or cut. */
  readonly contested: ReadonlySet<number>;
}

/** Relative error of the f32 sums that top-p compares. */
const SUM_ERROR = 2e-6;
/** Relative error of the f32 scores that the race compares, for weights of e^-1; it grows with the exponent. */
const SCORE_ERROR = 1e-6;

/** What temperature, top-k and top-p leave of a row whose largest logit is finite: sorted, in the plainest way. */
export function survivors(
  logits: Float64Array,
  { temperature, topK, topP }: { temperature: number; topK: number; topP: number },
): Survivors {
  const order = Array.from(logits.keys()).sort((a, b) => (logits[a] === logits[b] ? a - b : logits[b]! - logits[a]!));
  const top = logits[order[0]!]!;
  const weights = logits.map((z) => Math.exp((z - top) / temperature));
  const least = topK > 0 && topK < logits.length ? logits[order[topK - 1]!]! : Number.NEGATIVE_INFINITY;
  logits.forEach((z, id) => {
    if (z < least) weights[id] = 0;
  });
  const contested = new Set<number>();
  if (topP >= 1) return { weights, contested };
  const wanted = topP * weights.reduce((a, b) => a + b, 0);
  let before = 0;
  for (const id of order) {
    const weight = weights[id]!;
    // Nothing is no sum: the first token stays whatever the roundings.
    if (before > 0 && Math.abs(before - wanted) < (SUM_ERROR * wanted) / topP) contested.add(id);
    if (before >= wanted) weights[id] = 0;
    before += weight;
  }
  return { weights, contested };
}

/** Any id will do: roundings decide, and f32 may come to another end. */
const DOUBT = 2 ** 60;

export const sample: Reference<'sample'> = (
  { rows, vocab },
  { logits, seeds },
  { temperature, topK, topP, step, drawable },
) => {
  const ids = expected(rows);
  for (let r = 0; r < rows; r++) {
    const row = logits.subarray(r * vocab, r * vocab + drawable);
    const top = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    if (!(top < Number.POSITIVE_INFINITY)) ids.value[r] = -1;
    else if (top === Number.NEGATIVE_INFINITY) ids.value[r] = -2;
    else if (temperature === 0) ids.value[r] = row.indexOf(top);
    else {
      const { weights, contested } = survivors(row, { temperature, topK, topP });
      const waits = row.map((_, id) => waiting(threefry([id >> 1, step], [seeds[2 * r]!, seeds[2 * r + 1]!])[id % 2]!));
      const scores = weights.map((weight, id) => weight / waits[id]!);
      const best = scores.reduce((a, b) => Math.max(a, b));
      const winner = scores.indexOf(best);
      ids.value[r] = winner;
      const rivals = row.some((z, id) => {
        if (id === winner || (weights[id] === 0 && !contested.has(id))) return false;
        const distance = (z - top) / temperature;
        return Math.exp(distance) / waits[id]! > best * (1 - SCORE_ERROR * (1 - distance));
      });
      if (rivals || contested.has(winner)) ids.scale[r] = DOUBT;
    }
  }
  return { ids };
};
