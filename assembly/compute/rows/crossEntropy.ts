import { log1 } from '../shared/math';
import { fillFloats, scaleFloats } from '../shared/simd';
import { rowExp, rowMax } from '../shared/softmaxRow';
import { scratch } from '../shared/scratch';

/** Working memory of a thread, in bytes. */
export function crossEntropyScratch(): usize {
  return 64;
}

/**
 * loss[r] = lse(logits[r]) - logits[r, label]; logits becomes gradScale * (softmax - onehot). Rows whose label is -100
 * give zeros. Range: rows.
 */
export function crossEntropy(
  labels: usize, logits: usize, loss: usize, rows: u32, vocab: u32, gradScale: f32, begin: u32, end: u32,
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
    store<f32>(loss + (r << 2), log1(total) + distance);
    const probability = load<f32>(target) / total;
    scaleFloats(row, vocab, gradScale / total);
    store<f32>(target, gradScale * (probability - 1));
  }
}
