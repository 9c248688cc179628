// The scales of a product whose weight has one a group of 32 elements, two a word: see scaleWhole.wgsl. groupOf(at): what
// multiplies element `at` of b, and what is added.
const C_BINDING = 4 + BIASES;
@group(0) @binding(3) var<storage, read> scales: array<u32>;
fn groupOf(at: u32) -> vec2f {
  let group = shape.firstScale + at / 32u;
  let scale = unpack2x16float(scales[group / 2u])[group % 2u];
  return vec2f(scale, -8.0 * scale);
}
fn columnScale4(col: u32) -> vec4f { return vec4f(shape.scale); }
fn depthScale4(k: u32) -> vec4f { return vec4f(1.0); }
