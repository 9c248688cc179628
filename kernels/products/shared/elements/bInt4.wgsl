// b in integers of four bits (src/int4.ts), bound as words of eight: b4(at) is its elements at .. at + 3. The scales come with
// scaleGroups.wgsl or scaleGroupsWithLeast.wgsl.
alias bElement = u32;
fn b4(at: u32) -> vec4f {
  let word = b[at / 32u * 4u + at / 4u % 4u];
  let group = groupOf(at);
  return vec4f((vec4u(word) >> (vec4u(0u, 8u, 16u, 24u) + at / 16u % 2u * 4u)) & vec4u(15u)) * group.x + group.y;
}
