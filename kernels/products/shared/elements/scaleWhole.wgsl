// The scale of a product whose weight has one number at most: columnScale4(col), of the columns col .. col + 3 of c;
// depthScale4(k), of the steps k .. k + 3 of a.
const C_BINDING = 3 + BIASES;
fn columnScale4(col: u32) -> vec4f { return vec4f(shape.scale); }
fn depthScale4(k: u32) -> vec4f { return vec4f(1.0); }
