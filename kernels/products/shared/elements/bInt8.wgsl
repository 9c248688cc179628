// b in signed bytes, four a word: b4(at) is its elements at .. at + 3.
alias bElement = i32;
fn b1(at: u32) -> f32 { return f32(extractBits(b[at / 4u], 8u * (at % 4u), 8u)); }
fn b4(at: u32) -> vec4f { return vec4f(b1(at), b1(at + 1u), b1(at + 2u), b1(at + 3u)); }
