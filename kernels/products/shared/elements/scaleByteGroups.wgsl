// The scales of a product whose weight is bytes with a number a group of 32: see scaleWhole.wgsl. groupOf(at): what multiplies
// element `at` of b.
const C_BINDING = 4 + BIASES;
@group(0) @binding(3) var<storage, read> scales: array<f32>;
fn groupOf(at: u32) -> f32 { return scales[shape.firstScale + at / 32u]; }
fn columnScale4(col: u32) -> vec4f { return vec4f(1.0); }
fn depthScale4(k: u32) -> vec4f { return vec4f(1.0); }
