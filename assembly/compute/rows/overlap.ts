/**
 * share[r]: of the k ids in either row, ascending, how many are in both, over k; 0 where the label is -100. Range: rows.
 */
export function overlap(
  a: usize, b: usize, labels: usize, share: usize, rows: u32, k: u32, begin: u32, end: u32,
): void {
  for (let r = begin; r < end; r++) {
    if (load<i32>(labels + (r << 2)) == -100) {
      store<f32>(share + (r << 2), 0);
      continue;
    }
    const from = (<usize>r * k) << 2;
    let i: u32 = 0;
    let j: u32 = 0;
    let both: u32 = 0;
    while (i < k && j < k) {
      const x = load<u32>(a + from + (i << 2));
      const y = load<u32>(b + from + (j << 2));
      if (x == y) both++;
      if (x <= y) i++;
      if (y <= x) j++;
    }
    store<f32>(share + (r << 2), <f32>both / <f32>k);
  }
}
