// b, bound as fours of f32: b4(at) is its elements at .. at + 3.
alias bElement = vec4f;
fn b4(at: u32) -> vec4f { return b[at / 4u]; }
