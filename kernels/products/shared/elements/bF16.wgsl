// b in half precision, two a word: b4(at) is its elements at .. at + 3.
alias bElement = u32;
fn b1(at: u32) -> f32 { return unpack2x16float(b[at / 2u])[at % 2u]; }
fn b4(at: u32) -> vec4f { return vec4f(b1(at), b1(at + 1u), b1(at + 2u), b1(at + 3u)); }
