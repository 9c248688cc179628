/** What the integers of a matrix in int4 stand for: see src/backend/kernels/formats.ts. */

/** scale (s q + m) of each element, and its size: the sum of both terms' sizes. */
export function int4Elements(
  [rows, cols]: readonly [number, number],
  integers: Float64Array,
  scales: Float64Array,
  scale: number,
): { readonly element: Float64Array; readonly size: Float64Array } {
  const halves = scales.length / rows;
  const groups = Math.ceil(cols / 32);
  const [element, size] = [new Float64Array(rows * cols), new Float64Array(rows * cols)];
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) {
      const group = Math.floor(col / 32);
      const hasLeast = halves === 2 * groups;
      const s = scales[row * halves + group * (hasLeast ? 2 : 1)]!;
      const least = hasLeast ? scales[row * halves + 2 * group + 1]! : -8 * s;
      const integer = integers[row * cols + col]!;
      element[row * cols + col] = scale * (s * integer + least);
      size[row * cols + col] = scale * (Math.abs(s * integer) + Math.abs(least));
    }
  }
  return { element, size };
}
