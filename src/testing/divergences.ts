/** Divergences of small logits on a device, for comparison with exact values that other programs gave. */
import type { Device, TypedArray } from '../backend/backend.js';
import { alphaBetaPairs, type DivergenceForm, divergenceKinds, simplestForm } from '../backend/kernels/index.js';

const IGNORED = -100;

/** Logits of a teacher and a student, a row a token, and the labels of the rows; -100 leaves a row out. */
export interface DivergenceCase {
  /** One a row. */
  readonly labels: readonly number[];
  /** Logits a row. */
  readonly vocab: number;
  /** Both models' logits are divided by it. */
  readonly temperature: number;
  /** [rows][vocab] */
  readonly teacher: readonly (readonly number[])[];
  /** [rows][vocab] */
  readonly student: readonly (readonly number[])[];
}

/** Mean over the rows that count, and the gradient of that mean. */
export async function measureDivergence(
  device: Device,
  testCase: DivergenceCase,
  divergence: DivergenceForm,
): Promise<{
  /** Mean loss of a row that counts. */
  value: number;
  /** Of the student's logits, row-major. */
  gradient: Float32Array;
}> {
  const { labels, vocab, temperature } = testCase;
  const rows = labels.length;
  const counted = Math.max(labels.filter((label) => label !== IGNORED).length, 1);
  const upload = (data: TypedArray, label: string) => {
    const storage = device.allocate(data.byteLength, label);
    device.write(storage, data);
    return storage;
  };
  const operands = {
    teacher: upload(Float32Array.from(testCase.teacher.flat()), 'teacher'),
    labels: upload(Int32Array.from(labels), 'labels'),
    student: upload(Float32Array.from(testCase.student.flat()), 'student'),
    loss: upload(new Float32Array(rows).fill(Number.NaN), 'loss'),
  };
  const form = simplestForm(divergence);
  const params = { temperature, teacherTemperature: temperature, gradScale: 1 / counted, clamp: 0 };
  const dims = { rows, vocab };
  if (form.kind === 'alphaBeta') {
    const crossEntropy = upload(new Float32Array(rows), 'crossEntropy');
    const { kind: _, between, ...numbers } = form;
    const call = { dims, operands: { ...operands, crossEntropy } };
    device.run('alphaBeta', { ...call, params: { ...params, ...numbers, pair: alphaBetaPairs[between] } });
    device.free(crossEntropy);
  } else {
    const { kind, weight } = form;
    device.run('divergence', { dims, operands, params: { ...params, weight, kind: divergenceKinds[kind] } });
  }
  const losses = (await device.read(operands.loss, 'f32')) as Float32Array;
  const gradient = (await device.read(operands.student, 'f32')) as Float32Array;
  for (const storage of Object.values(operands)) device.free(storage);
  return { value: Array.from(losses).reduce((sum, loss) => sum + loss, 0) / counted, gradient };
}
