// What kernels share that need the probability of a row's label: the softmax of the row, and a gradient like that of the
// label's log-probability. Put before a kernel, which has the bindings labels [rows], logits [rows, vocab] and loss [rows], and a
// Shape with rows and vocab. One workgroup a row. Follows math.wgsl and reduce.wgsl.

// softmax = exp(logits - top) / all; not there where the row has no label (-100; loss and gradient are 0 then) or has NaN
// or +infinity (both are NaN then): all is done.
struct Softmax { isThere: bool, top: f32, all: f32 }

fn softmaxOf(row: u32, lane: u32) -> Softmax {
  let first = row * shape.vocab;
  if (labels[row] == -100) {
    for (var j = lane; j < shape.vocab; j += THREADS) { logits[first + j] = 0.0; }
    if (lane == 0u) { loss[row] = 0.0; }
    return Softmax(false, 0.0, 1.0);
  }
  var highest = LOWEST;
  var spoilt = 0u;
  for (var j = lane; j < shape.vocab; j += THREADS) {
    let logit = logits[first + j];
    highest = max(highest, logit);
    spoilt |= select(0u, 1u, spoils(logit));
  }
  if (largestKey(spoilt, lane) > 0u) {
    for (var j = lane; j < shape.vocab; j += THREADS) { logits[first + j] = notANumber(j); }
    if (lane == 0u) { loss[row] = notANumber(row); }
    return Softmax(false, 0.0, 1.0);
  }
  let top = largest(highest, lane);
  var sum = 0.0;
  for (var begin = lane; begin < shape.vocab; begin += ROW_BLOCK * THREADS) {
    var part = 0.0;
    for (var j = begin; j < min(begin + ROW_BLOCK * THREADS, shape.vocab); j += THREADS) { part += expExact(logits[first + j] - top); }
    sum += part;
  }
  return Softmax(true, top, total(sum, lane));
}

// logits = scale * (softmax - onehot). All threads have read the label's logit before.
fn putGradient(row: u32, softmax: Softmax, scale: f32, lane: u32) {
  let first = row * shape.vocab;
  let label = u32(labels[row]);
  for (var j = lane; j < shape.vocab; j += THREADS) {
    let p = expExact(logits[first + j] - softmax.top) / softmax.all;
    logits[first + j] = scale * (p - select(0.0, 1.0, j == label));
  }
}
