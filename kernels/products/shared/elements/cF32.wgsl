// c, bound as f32. put(at, left, add, value): to elements at .. at + 3, of which `left` are in their row.
alias cElement = f32;
fn put(at: u32, left: u32, add: bool, value: vec4f) {
  for (var i = 0u; i < min(4u, left); i++) {
    if (add) { c[at + i] += value[i]; } else { c[at + i] = value[i]; }
  }
}
