import { expected, type Reference, Sum } from '../types.js';
import { IGNORED } from './crossEntropy.js';

/** What stands for no share. */
const NO_SHARE = -1e30;

export const topTokens: Reference<'topTokens'> = ({ rows, vocab, k }, { logits }) => {
  const ids = expected(rows * k);
  for (let r = 0; r < rows; r++) {
    const row = logits.subarray(r * vocab, (r + 1) * vocab);
    const largest = [...row.keys()].sort((i, j) => row[j]! - row[i]! || i - j).slice(0, k);
    ids.value.set(
      largest.sort((i, j) => i - j),
      r * k,
    );
  }
  return { ids };
};

export const reduceToTop: Reference<'reduceToTop'> = ({ rows, vocab, k, bins }, { logits, ids }, { temperature }) => {
  const reduced = expected(rows * bins);
  const top = expected(rows);
  for (let r = 0; r < rows; r++) {
    const row = logits.subarray(r * vocab, (r + 1) * vocab);
    const most = row.reduce((a, b) => Math.max(a, b));
    top.value[r] = most;
    const own = [...ids.subarray(r * k, (r + 1) * k)];
    own.forEach((id, i) => {
      reduced.value[r * bins + i] = row[id]! - most;
      reduced.scale[r * bins + i] = most - row[id]!;
    });
    const taken = new Set(own);
    const others = [...row].filter((_, j) => !taken.has(j));
    const largest = others.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const shares = others.map((z) => Math.exp((z - largest) / temperature));
    const total = shares.reduce((a, b) => a + b, 0);
    const log = Math.log(total);
    const distance = others.reduce((sum, z, i) => sum + ((largest - z) / temperature) * shares[i]!, 0) / (total || 1);
    reduced.value[r * bins + k] = total > 0 ? largest - most + temperature * log : NO_SHARE;
    reduced.scale[r * bins + k] = total > 0 ? most - largest + temperature * (2 + log + distance) : -NO_SHARE;
  }
  return { reduced, top };
};

export const spreadFromTop: Reference<'spreadFromTop'> = (
  { rows, vocab, k, bins },
  { ids, reduced, gradient, top, labels, logits },
  { temperature },
) => {
  const spread = expected(rows * vocab);
  for (let r = 0; r < rows; r++) {
    if (labels[r] === IGNORED) continue;
    const others = reduced[r * bins + k]!;
    const ofOthers = gradient[r * bins + k]!;
    for (let j = 0; j < vocab; j++) {
      const distance = logits[r * vocab + j]! - top[r]!;
      const share = Math.exp((distance - others) / temperature);
      const sum = new Sum();
      sum.add(
        ofOthers * share,
        Math.abs(ofOthers) * Math.max(share, 2 ** -100) * (1 + (Math.abs(distance) + Math.abs(others)) / temperature),
      );
      sum.put(spread, r * vocab + j);
    }
    for (let i = 0; i < k; i++) {
      const at = r * vocab + ids[r * k + i]!;
      spread.value[at] = gradient[r * bins + i]!;
      spread.scale[at] = Math.abs(spread.value[at]!);
    }
  }
  return { logits: spread };
};
