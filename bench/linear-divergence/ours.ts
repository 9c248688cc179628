import type { Device } from 'distillm';
import { f32Weight, linearDivergence as fused, Tape, Tensor, tidy } from 'distillm/tensor';
import { skewAlpha } from '../divergence/shapes.ts';
import { type Benchmark, secondsPerCase } from '../frame/benchmark.ts';
import { measure, summary } from '../frame/measure.ts';
import {
  CHECKED_ROWS,
  checkLoss,
  elements,
  linearDivergenceName,
  linearDivergenceShapes,
  operands,
  type Source,
} from './shapes.ts';

/**
 * Skew KL from hidden states and LM heads to the loss and the gradients of the student's hidden states and head: time and
 * peak memory beyond what was live before (inputs and the two gradients, which are results). With a `chunkBytes` that
 * holds all rows, both logits are materialised: the unfused way.
 */
export const linearDivergence = (chunking: { chunkBytes?: number } = {}): Benchmark =>
  async function* ({ device, size, resident }) {
    const shape = linearDivergenceShapes[size];
    const { tokens, vocab, studentWidth, teacherWidth } = shape;
    const weights = operands(shape);
    const student = {
      hidden: upload(device, weights.studentHidden, tokens, studentWidth),
      head: f32Weight(upload(device, weights.studentHead, vocab, studentWidth)),
    };
    const teacher = {
      hidden: upload(device, weights.teacherHidden, tokens, teacherWidth),
      head: f32Weight(upload(device, weights.teacherHead, vocab, teacherWidth)),
    };
    for (const tensor of [student.hidden, student.head.values]) {
      tensor.requiresGrad = true;
      tensor.grad = Tensor.zeros(device, tensor.shape, 'f32', 'gradient');
    }
    const divergence = { kind: 'skewKL', weight: skewAlpha, temperature: 1 } as const;
    const step = (labels: Int32Array) =>
      tidy(() => {
        const tape = new Tape();
        const { loss } = tape.record(() =>
          fused({ student, teacher, labels, divergence, gradScale: 1 / tokens, ...chunking }),
        );
        tape.backward();
        return loss;
      });
    const lossOf = async (labels: Int32Array) => {
      const loss = step(labels);
      const [value] = await loss.read();
      loss.dispose();
      return value as number;
    };
    await device.finish();
    // The process's memory says something where tensors lie in it.
    const inProcess = device.info.kind === 'wasm' ? resident : undefined;
    const before = { live: device.memory().liveBytes, resident: inProcess?.().now };

    const all = Int32Array.from({ length: tokens }, (_, row) => (row * 7919) % vocab);
    const values: number[] = [];
    const call = async () => void values.push(await lossOf(all));
    const name = linearDivergenceName(shape);
    const seconds = secondsPerCase[size];
    yield measure({ case: name, unit: 's', of: (each) => each, call, warmup: 1, calls: 3, seconds });
    const megabytes = (bytes: number) => bytes / 1e6;
    yield summary({
      case: 'peak extra memory',
      unit: 'MB',
      values: [megabytes(device.memory().peakBytes - before.live)],
    });
    if (inProcess && before.resident !== undefined) {
      yield summary({
        case: 'peak extra resident memory of the process',
        unit: 'MB',
        values: [megabytes(inProcess().peak - before.resident)],
      });
    }

    const few = all.map((label, row) => (row < CHECKED_ROWS ? label : -100));
    checkLoss(await lossOf(few), shape, skewAlpha);
    if (values.some((value) => value !== values[0])) throw new Error(`the loss changes: ${values.join(', ')}`);
    for (const tensor of [student.hidden, student.head.values, teacher.hidden, teacher.head.values]) tensor.dispose();
  };

/** Piece by piece: a copy of a head on the JavaScript side would hide what the process needs later. */
function upload(device: Device, source: Source, rows: number, cols: number): Tensor {
  const tensor = Tensor.empty(device, [rows, cols]);
  const piece = 65536;
  for (let start = 0; start < tensor.size; start += piece) {
    const length = Math.min(piece, tensor.size - start);
    device.write(tensor.storage, elements(source, length, start), 4 * start);
  }
  return tensor;
}
