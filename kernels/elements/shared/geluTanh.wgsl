// GELU, GPT-2's tanh form, and its slope, for the kernels that apply it. Put before a kernel; follows math.wgsl.
//   0.5 x (1 + tanh(u)) with u = sqrt(2 / pi) (x + 0.044715 x^3), as x * sigmoid(2 u), which keeps its relative accuracy
//   where tanh nears -1; the slope is s + x s (1 - s) du, s = sigmoid(2 u), du = 2 sqrt(2 / pi) (1 + 3 * 0.044715 x^2)
// Twin: assembly/compute/elements/shared/gelu.ts
fn geluTanh(x: f32) -> f32 {
  let w = clamp(x, -100.0, 100.0);            // the sigmoid is 0 or 1 long before; the cube must stay finite
  return x * sigmoid(1.5957691216057308 * (w + 0.044715 * w * w * w));   // 2 sqrt(2 / pi)
}
fn geluTanhSlope(x: f32) -> f32 {
  let w = clamp(x, -100.0, 100.0);            // s (1 - s) is 0 long before; the cube must stay finite
  let u = 1.5957691216057308 * (w + 0.044715 * w * w * w);
  let s = sigmoid(u);
  let slope = 1.5957691216057308 * (1.0 + 0.134145 * w * w);
  return s + w * s * sigmoid(-u) * slope;
}
