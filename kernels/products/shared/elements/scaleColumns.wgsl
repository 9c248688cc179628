// The scales of a product whose weight has one a column of c (gemmNTInt8): see scaleWhole.wgsl.
const C_BINDING = 4 + BIASES;
@group(0) @binding(3) var<storage, read> scales: array<f32>;
fn columnScale4(col: u32) -> vec4f {
  let at = shape.firstScale + col;
  return vec4f(scales[at], scales[at + 1u], scales[at + 2u], scales[at + 3u]);
}
fn depthScale4(k: u32) -> vec4f { return vec4f(1.0); }
