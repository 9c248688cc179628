// The scales of a product whose weight has a scale and a minimum a group of 32 elements, a word: see scaleGroups.wgsl.
const C_BINDING = 4 + BIASES;
@group(0) @binding(3) var<storage, read> scales: array<u32>;
fn groupOf(at: u32) -> vec2f { return unpack2x16float(scales[shape.firstScale + at / 32u]); }
fn columnScale4(col: u32) -> vec4f { return vec4f(shape.scale); }
fn depthScale4(k: u32) -> vec4f { return vec4f(1.0); }
