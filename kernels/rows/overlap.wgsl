// share[r]: of the k ids in either row of a and b, ascending, how many are in both, over k; 0 where the label is -100. One
// thread a row.
struct Shape { rows: u32, k: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> a: array<u32>;
@group(0) @binding(2) var<storage, read> b: array<u32>;
@group(0) @binding(3) var<storage, read> labels: array<i32>;
@group(0) @binding(4) var<storage, read_write> share: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let row = id.x + id.y * groups.x * 256u;    // y continues x: one side of a grid ends at 65535
  if (row >= shape.rows) { return; }
  if (labels[row] == -100) {
    share[row] = 0.0;
    return;
  }
  let first = row * shape.k;
  var i = 0u;
  var j = 0u;
  var both = 0u;
  while (i < shape.k && j < shape.k) {
    let x = a[first + i];
    let y = b[first + j];
    if (x == y) { both += 1u; }
    if (x <= y) { i += 1u; }
    if (y <= x) { j += 1u; }
  }
  share[row] = f32(both) / f32(shape.k);
}
