// a, bound as f32: a4(at) is its elements at .. at + 3.
alias aElement = f32;
fn a4(at: u32) -> vec4f { return vec4f(a[at], a[at + 1u], a[at + 2u], a[at + 3u]); }
