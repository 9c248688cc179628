// b, bound as f32: b4(at) is its elements at .. at + 3.
alias bElement = f32;
fn b4(at: u32) -> vec4f { return vec4f(b[at], b[at + 1u], b[at + 2u], b[at + 3u]); }
