import { type Backend, linearDivergence as fused, Tape, Tensor, tidy } from 'distillm';
import { measure, noise, summary } from '../measure.ts';
import { type Benchmark, secondsPerCase } from './benchmark.ts';

interface Shape {
  readonly tokens: number;
  readonly vocab: number;
  readonly studentWidth: number;
  readonly teacherWidth: number;
}
const shapes = {
  full: { tokens: 2048, vocab: 50257, studentWidth: 768, teacherWidth: 1600 },
  small: { tokens: 512, vocab: 50257, studentWidth: 256, teacherWidth: 512 },
  tiny: { tokens: 67, vocab: 1031, studentWidth: 48, teacherWidth: 80 },
} as const satisfies Record<string, Shape>;

const alpha = 0.1;
/** Rows that are checked against float64 on the host; more than 8, so that they take the same path as all the others. */
const CHECKED_ROWS = 12;

/**
 * Skew KL from hidden states and LM heads to the loss and the gradients of the student's hidden states and head: time and
 * peak memory beyond what was live before (inputs and the two gradients, which are results). With a `chunkBytes` that
 * holds all rows, both logits are materialised: the unfused way.
 */
export const linearDivergence = (chunking: { chunkBytes?: number } = {}): Benchmark =>
  async function* ({ device, size, resident }) {
    const shape: Shape = shapes[size];
    const { tokens, vocab, studentWidth, teacherWidth } = shape;
    const weights = operands(shape);
    const student = {
      hidden: upload(device, weights.studentHidden, tokens, studentWidth),
      head: upload(device, weights.studentHead, vocab, studentWidth),
    };
    const teacher = {
      hidden: upload(device, weights.teacherHidden, tokens, teacherWidth),
      head: upload(device, weights.teacherHead, vocab, teacherWidth),
    };
    for (const tensor of [student.hidden, student.head]) {
      tensor.requiresGrad = true;
      tensor.grad = Tensor.zeros(device, tensor.shape, 'f32', 'gradient');
    }
    const divergence = { kind: 'skewKL', weight: alpha, temperature: 1 } as const;
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
    const name = `${tokens} tokens, ${vocab} words, ${studentWidth} and ${teacherWidth} wide`;
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
    const [got, want] = [await lossOf(few), expectedLoss(weights, shape)];
    if (!(Math.abs(got - want) < 1e-4 * want) || values.some((value) => value !== values[0]))
      throw new Error(`the loss of ${CHECKED_ROWS} rows is ${got}, not ${want}; of all rows: ${values.join(', ')}`);
    for (const tensor of [student.hidden, student.head, teacher.hidden, teacher.head]) tensor.dispose();
  };

/** A matrix of noise without memory: element i is `scale * block[(i + shift) % block.length]`. */
interface Source {
  readonly scale: number;
  readonly shift: number;
}
/** A prime, so that no two rows are the same. */
const block = noise(1_000_003);

/** Logits get a standard deviation of about 2. */
const operands = ({ studentWidth, teacherWidth }: Shape) => ({
  studentHidden: { scale: 1, shift: 1 },
  teacherHidden: { scale: 1, shift: 2 },
  studentHead: { scale: 6 / Math.sqrt(studentWidth), shift: 3 },
  teacherHead: { scale: 6 / Math.sqrt(teacherWidth), shift: 4 },
});

const element = ({ scale, shift }: Source, index: number) =>
  Math.fround(scale * (block[(index + shift) % block.length] as number));

/** Piece by piece: a copy of a head on the JavaScript side would hide what the process needs later. */
function upload(device: Backend, source: Source, rows: number, cols: number): Tensor {
  const tensor = Tensor.empty(device, [rows, cols]);
  const piece = 65536;
  for (let start = 0; start < tensor.size; start += piece) {
    const length = Math.min(piece, tensor.size - start);
    device.write(
      tensor.storage,
      Float32Array.from({ length }, (_, i) => element(source, start + i)),
      4 * start,
    );
  }
  return tensor;
}

/** Sum over the checked rows of KL(p || alpha p + (1 - alpha) q), p teacher, q student, in float64. */
function expectedLoss(weights: ReturnType<typeof operands>, { vocab, studentWidth, teacherWidth }: Shape): number {
  const probabilities = (hidden: Source, head: Source, row: number, width: number) => {
    const x = Float64Array.from({ length: width }, (_, i) => element(hidden, row * width + i));
    const logits = Float64Array.from({ length: vocab }, (_, word) => {
      let sum = 0;
      for (let i = 0; i < width; i++) sum += (x[i] as number) * element(head, word * width + i);
      return sum;
    });
    const largest = logits.reduce((a, b) => Math.max(a, b));
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
    return logits.map((logit) => Math.exp(logit - largest) / total);
  };
  let loss = 0;
  for (let row = 0; row < CHECKED_ROWS; row++) {
    const p = probabilities(weights.teacherHidden, weights.teacherHead, row, teacherWidth);
    const q = probabilities(weights.studentHidden, weights.studentHead, row, studentWidth);
    p.forEach((value, word) => {
      loss += value * Math.log(value / (alpha * value + (1 - alpha) * (q[word] as number)));
    });
  }
  return loss;
}
