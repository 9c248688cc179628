/** norm = sqrt(sum of squares), scale = min(1, maxNorm / (norm + 1e-6)), 1 when maxNorm is 0. Range: the one clip. */
export function clipScale(squares: usize, norm: usize, scale: usize, slots: u32, maxNorm: f32, begin: u32, end: u32): void {
  let sum: f64 = 0;
  for (let s: u32 = 0; s < slots; s++) sum += <f64>load<f32>(squares + ((<usize>s) << 2));
  const length = <f32>sqrt<f64>(sum);
  store<f32>(norm, length);
  store<f32>(scale, maxNorm == 0 ? <f32>1 : min<f32>(1, maxNorm / (length + <f32>1e-6)));
}
