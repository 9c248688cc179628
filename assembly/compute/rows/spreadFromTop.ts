// From the gradient of reduced logits that of the logits themselves. Same contract as kernels/rows/spreadFromTop.wgsl.
import { exp4 } from '../shared/math';
import { fillFloats, loadUpTo, storeUpTo, zero } from '../shared/simd';

/** logits [rows, vocab] become their gradient. Rows whose label is -100 get zeros. Range: rows. */
export function spreadFromTop(
  ids: usize, reduced: usize, gradient: usize, top: usize, labels: usize, logits: usize, rows: u32, vocab: u32, k: u32,
  bins: u32, temperature: f32, begin: u32, end: u32,
): void {
  const factor = f32x4.splat(<f32>1 / temperature);
  for (let r = begin; r < end; r++) {
    const row = logits + ((<usize>r * vocab) << 2);
    if (load<i32>(labels + (r << 2)) == -100) {
      fillFloats(row, vocab, 0);
      continue;
    }
    const from = (<usize>r * bins) << 2;
    const largest = v128.load32_splat(top + (r << 2));
    const others = v128.load32_splat(reduced + from + (k << 2));
    const ofOthers = v128.load32_splat(gradient + from + (k << 2));
    for (let i: u32 = 0; i < vocab; i += 4) {
      const at = row + ((<usize>i) << 2);
      const left = min(vocab - i, 4);
      const distance = f32x4.sub(f32x4.sub(loadUpTo(at, left, zero()), largest), others);
      storeUpTo(at, f32x4.mul(ofOthers, exp4(f32x4.mul(distance, factor))), left);
    }
    for (let i: u32 = 0; i < k; i++) {
      const id = load<u32>(ids + ((<usize>r * k + i) << 2));
      store<f32>(row + (id << 2), load<f32>(gradient + from + (i << 2)));
    }
  }
}
