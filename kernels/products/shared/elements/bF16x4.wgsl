// b in half precision, bound as fours: b4(at) is its elements at .. at + 3.
alias bElement = vec2u;
fn b4(at: u32) -> vec4f {
  let words = b[at / 4u];
  return vec4f(unpack2x16float(words.x), unpack2x16float(words.y));
}
