// A right operand b [k, n] that is multiplied again and again, held as panels of 16 columns: [ceil(n / 16)][k][16], the
// last one padded with zeros. A thread that owns columns then reads one stretch of memory, and nothing is packed
// anew for each product. src/backend/wasm/panels.ts says when. Range: panels.
import { packRightAcrossRows } from '../shared/pack';
import { loadUpTo, storeUpTo, zero } from '../shared/simd';

/** Rows that are copied at a time, so that whole stretches of b's rows are read. */
const ROWS: u32 = 32;

/** panels = b [k, n] */
export function packPanels(b: usize, panels: usize, n: u32, k: u32, begin: u32, end: u32): void {
  const stride = (<usize>n) << 2;
  const apart = (<usize>k) << 6;
  for (let p: u32 = 0; p < k; p += ROWS) {
    const rows = min(k - p, ROWS);
    for (let panel = begin; panel < end; panel++) {
      const first = panel << 4;
      const from = b + <usize>p * stride + (<usize>first << 2);
      packRightAcrossRows(from, stride, min(n - first, 16), rows, panels + <usize>panel * apart + (<usize>p << 6));
    }
  }
}

/** b [k, n] = panels */
export function unpackPanels(panels: usize, b: usize, n: u32, k: u32, begin: u32, end: u32): void {
  const stride = (<usize>n) << 2;
  const apart = (<usize>k) << 6;
  for (let p: u32 = 0; p < k; p++) {
    for (let panel = begin; panel < end; panel++) {
      const first = panel << 4;
      const cols = min(n - first, 16);
      const from = panels + <usize>panel * apart + (<usize>p << 6);
      const to = b + <usize>p * stride + (<usize>first << 2);
      for (let j: u32 = 0; j < cols; j += 4) {
        storeUpTo(to + (j << 2), loadUpTo(from + (j << 2), min(cols - j, 4), zero()), cols - j);
      }
    }
  }
}
