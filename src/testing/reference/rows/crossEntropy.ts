import { logSoftmax } from '../softmax.js';
import { expected, exponentialSize, type Reference } from '../types.js';

export const IGNORED = -100;

export const crossEntropy: Reference<'crossEntropy'> = ({ rows, vocab }, { labels, logits: z }, { gradScale }) => {
  const logits = expected(rows * vocab);
  const loss = expected(rows);
  for (let r = 0; r < rows; r++) {
    const label = labels[r]!;
    if (label === IGNORED) continue;
    const { log, slack } = logSoftmax(z.subarray(r * vocab, (r + 1) * vocab));
    loss.value[r] = -log[label]!;
    loss.scale[r] = slack[label]!;
    for (let c = 0; c < vocab; c++) {
      const p = Math.exp(log[c]!);
      const hit = c === label ? 1 : 0;
      logits.value[r * vocab + c] = gradScale * (p - hit);
      logits.scale[r * vocab + c] = Math.abs(gradScale) * (exponentialSize(p) * (1 + slack[c]!) + hit);
    }
  }
  return { logits, loss };
};
