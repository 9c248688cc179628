// a, bound as fours of f32: a4(at) is its elements at .. at + 3.
alias aElement = vec4f;
fn a4(at: u32) -> vec4f { return a[at / 4u]; }
