// b in signed bytes, bound as fours: b4(at) is its elements at .. at + 3. The scales come with scaleByteGroups.wgsl.
alias bElement = i32;
fn b4(at: u32) -> vec4f {
  return vec4f((vec4i(b[at / 4u]) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u)) * groupOf(at);
}
