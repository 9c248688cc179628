// c, bound as fours of f32. put(at, left, add, value): to elements at .. at + 3, of which `left` are in their row.
alias cElement = vec4f;
fn put(at: u32, left: u32, add: bool, value: vec4f) {
  if (add) { c[at / 4u] += value; } else { c[at / 4u] = value; }
}
