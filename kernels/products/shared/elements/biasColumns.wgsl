// The bias of a product, one number a column of c, bound before c: bias4(col) of the columns col .. col + 3. Past the end
// it reads something inside the binding, for columns that are not stored.
const BIASES = 1;
@group(0) @binding(C_BINDING - 1) var<storage, read> bias: array<f32>;
fn bias4(col: u32) -> vec4f {
  let at = shape.firstBias + col;
  return vec4f(bias[at], bias[at + 1u], bias[at + 2u], bias[at + 3u]);
}
