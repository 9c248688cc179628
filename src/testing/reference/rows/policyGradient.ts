import { logSoftmax } from '../softmax.js';
import { expected, exponentialSize, type Reference } from '../types.js';
import { IGNORED } from './crossEntropy.js';

export const policyGradient: Reference<'policyGradient'> = (
  { rows, vocab },
  { labels, advantages, oldLogProbs, importance, logits: z },
  { clip, gradScale },
) => {
  const logits = expected(rows * vocab);
  const loss = expected(rows);
  for (let r = 0; r < rows; r++) {
    const label = labels[r]!;
    if (label === IGNORED) continue;
    const { log, slack } = logSoftmax(z.subarray(r * vocab, (r + 1) * vocab));
    const change = log[label]! - oldLogProbs[r]!;
    const ratio = importance[r]! * Math.exp(change);
    const ratioSize = exponentialSize(Math.abs(ratio)) * (1 + slack[label]! + Math.abs(change));
    const advantage = advantages[r]!;
    const free = -advantage * ratio;
    const clipped = -advantage * Math.min(Math.max(ratio, 1 - clip), 1 + clip);
    const isClipped = free < clipped;
    loss.value[r] = Math.max(free, clipped);
    loss.scale[r] = isClipped ? Math.abs(clipped) : Math.abs(advantage) * ratioSize;
    if (isClipped) continue;
    for (let c = 0; c < vocab; c++) {
      const p = Math.exp(log[c]!);
      const hit = c === label ? 1 : 0;
      logits.value[r * vocab + c] = gradScale * advantage * ratio * (p - hit);
      const ofDifference = Math.abs(ratio) * (exponentialSize(p) * (1 + slack[c]!) + hit);
      logits.scale[r * vocab + c] = Math.abs(gradScale * advantage) * (ratioSize * Math.abs(p - hit) + ofDifference);
    }
  }
  return { logits, loss };
};
