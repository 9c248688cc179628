import { exp1, log1 } from '../shared/math';
import { fillFloats, scaleFloats } from '../shared/simd';
import { rowExp, rowMax } from '../shared/softmaxRow';
import { scratch } from '../shared/scratch';

/** Working memory of a thread, in bytes. */
export function policyGradientScratch(): usize {
  return 64;
}

/**
 * With logq = log softmax(logits)[label] and ratio = importance exp(logq - oldLogProb): loss[r] = max(-advantage ratio,
 * -advantage clamp(ratio, 1 - clip, 1 + clip)); logits becomes gradScale advantage ratio (softmax - onehot), or zeros
 * where the clamped side is the larger. Rows whose label is -100 give zeros. Range: rows.
 */
export function policyGradient(
  labels: usize, advantages: usize, oldLogProbs: usize, importance: usize, logits: usize, loss: usize,
  rows: u32, vocab: u32, clip: f32, gradScale: f32, begin: u32, end: u32,
): void {
  for (let r = begin; r < end; r++) {
    const row = logits + ((<usize>r * vocab) << 2);
    const label = load<i32>(labels + (r << 2));
    if (label == -100) {
      store<f32>(loss + (r << 2), 0);
      fillFloats(row, vocab, 0);
      continue;
    }
    const target = row + (label << 2);
    const top = rowMax(row, vocab, scratch());
    const distance = top - load<f32>(target);
    const total = rowExp(row, row, vocab, top, 1, scratch());
    const logProb = -(log1(total) + distance);
    const ratio = load<f32>(importance + (r << 2)) * exp1(logProb - load<f32>(oldLogProbs + (r << 2)));
    const advantage = load<f32>(advantages + (r << 2));
    const free = -advantage * ratio;
    const clipped = -advantage * min<f32>(max<f32>(ratio, 1 - clip), 1 + clip);
    store<f32>(loss + (r << 2), max<f32>(free, clipped));
    if (free < clipped) {
      fillFloats(row, vocab, 0);
      continue;
    }
    const scale = gradScale * advantage * ratio;
    const probability = load<f32>(target) / total;
    scaleFloats(row, vocab, scale / total);
    store<f32>(target, scale * (probability - 1));
  }
}
