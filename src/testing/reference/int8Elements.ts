/** What the bytes of a matrix stand for: see src/backend/kernels/formats.ts. */
export function int8Elements(
  [rows, cols]: readonly [number, number],
  bytes: Float64Array,
  scales: Float64Array,
): Float64Array {
  const groups = scales.length / rows;
  const scaleAt = (row: number, col: number) => scales[row * groups + (groups > 1 ? Math.floor(col / 32) : 0)]!;
  return bytes.map((byte, at) => byte * scaleAt(Math.floor(at / cols), at % cols));
}
