// c [m, n] (+)= sum over p of partial[p, m, stride], in the order of p: the parts of a product whose k was split. A thread
// owns four columns of a row; `put` comes from cVec4.wgsl or cF32.wgsl, `bias4` from biasNone.wgsl or biasColumns.wgsl. Rows of partial are padded to `stride`, a multiple of 4.
struct Shape { m: u32, n: u32, parts: u32, accumulate: u32, stride: u32, cBase: u32, cStride: u32, firstBias: u32 }
const C_BINDING = 2 + BIASES;
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> partial: array<vec4f>;
@group(0) @binding(C_BINDING) var<storage, read_write> c: array<cElement>;

const THREADS: u32 = 64u;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let index = (group.x + group.y * groups.x) * THREADS + lane;
  let across = shape.stride / 4u;
  if (index >= shape.m * across) { return; }
  var sum = vec4f();
  for (var p = 0u; p < shape.parts; p++) { sum += partial[p * shape.m * across + index]; }
  let col = index % across * 4u;
  put(shape.cBase + index / across * shape.cStride + col, shape.n - col, shape.accumulate != 0u, sum + bias4(col));
}
