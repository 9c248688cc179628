// A product without a bias: see biasColumns.wgsl.
const BIASES = 0;
fn bias4(col: u32) -> vec4f { return vec4f(); }
