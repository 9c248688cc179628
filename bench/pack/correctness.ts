/**
 * Part (b): the kernels, the losses, tiny models and three DistiLLM steps on the GPU of this process's environment, by the
 * cases, references and oracles of the tests. A line a check: how much of the allowed error it needed, in %. `--what` takes
 * the kernels alone, or the models, with losses and steps, so that each have a time limit of their own.
 */
import {
  adaptiveOffPolicy,
  createModel,
  type Device,
  distill,
  openDevice,
  skewReverseKL,
  trainTokenizer,
} from 'distillm';
import { type DivergenceCase, measureDivergence, verifyDevice } from 'distillm/testing';
import { summary, tokenAt } from '../frame/measure.ts';
import { argument, flag, print } from '../runner/commandLine.ts';
import { compareLogits, modelOracles, readOracle } from './modelOracles.ts';

type Loss = Parameters<typeof measureDivergence>[2] & {
  readonly value: number;
  readonly gradient: readonly (readonly number[])[];
};

const tiny = argument('size', 'large') === 'tiny';
const only = argument('only', '');
const what = argument('what', 'kernels, models');
const failures: string[] = [];

const device = await openDevice({
  kind: 'webgpu',
  webgpu: { allowSoftware: flag('allow-software'), subgroupMatrices: flag('subgroup-matrices') },
});
if (what.includes('kernels')) await checkKernels();
if (what.includes('models')) {
  await checkDivergences();
  // Before the models, which are many: a time limit that cuts them off leaves the steps.
  await checkSteps();
  for (const folder of tiny ? ['gpt2', 't5/v1'] : modelOracles()) await checkModel(folder);
}
await device.dispose();
if (failures.length > 0) throw new Error(`${failures.length} checks failed: ${failures.join('; ')}`);

/** One line; above 100% it is a failure. */
function report(name: string, used: number, runs: number, note?: string): void {
  if (!(used <= 1)) failures.push(`${name}: ${note ?? `${used} times what is allowed`}`);
  const share = Number.isFinite(used) ? 100 * used : -1; // JSON has no infinity
  print({ ...summary({ case: name, unit: '%', values: [share], ...(note ? { note } : {}) }), runs });
}

async function checkKernels(): Promise<void> {
  const chosen = tiny ? { kernels: only || 'add', most: 2 } : { kernels: only };
  for await (const { kernel, used, cases, worst, rate, failure, seconds, referenceSeconds } of verifyDevice(
    device,
    chosen,
  )) {
    const took = `${seconds.toFixed(2)} s, ${referenceSeconds.toFixed(2)} of them on the CPU`;
    const note = failure ?? `${rate ? `${rate.value.toPrecision(3)} ${rate.unit}; ` : ''}${took}; worst at ${worst}`;
    report(kernel, failure === undefined ? used : Math.max(used, 1.01), cases, note);
  }
}

/** Against values in many digits: 1e-5 of the value, and of the largest gradient. */
async function checkDivergences(): Promise<void> {
  const worst = new Map<string, { used: number; runs: number }>();
  const cases = readOracle<(DivergenceCase & { losses: Loss[] })[]>('divergences.json');
  for (const testCase of tiny ? cases.slice(0, 1) : cases) {
    for (const loss of testCase.losses) {
      const { value, gradient } = await measureDivergence(device, testCase, loss);
      const want = loss.gradient.flat();
      const largest = want.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      const distance = want.reduce((most, x, i) => Math.max(most, Math.abs(x - (gradient[i] as number))), 0);
      const used = Math.max(
        Math.abs(value - loss.value) / Math.max(1e-6, 1e-5 * Math.abs(loss.value)),
        distance / Math.max(2 ** -126, 1e-5 * largest),
      );
      const before = worst.get(loss.kind) ?? { used: 0, runs: 0 };
      worst.set(loss.kind, { used: Math.max(before.used, used), runs: before.runs + 1 });
    }
  }
  for (const [kind, { used, runs }] of worst) report(`${kind}, exact values`, used, runs);
}

/** The logits of transformers: 1e-4. A model that cannot be checked is a failure of its own: the others are checked. */
async function checkModel(folder: string): Promise<void> {
  const name = `${folder}, logits of transformers`;
  try {
    const { distance, sequences } = await compareLogits(device, folder);
    report(name, distance / 1e-4, sequences);
  } catch (error) {
    report(name, Number.POSITIVE_INFINITY, 0, (error as Error).message);
  }
}

/** Three steps of skew reverse KL beside the same on WASM: losses 1e-4, gradient norms 1e-3 apart at most. */
async function checkSteps(): Promise<void> {
  const wasm = await openDevice({ kind: 'wasm' });
  const [found, expected] = [await threeSteps(device), await threeSteps(wasm)];
  await wasm.dispose();
  const worst = (of: 'losses' | 'norms') =>
    Math.max(...found[of].map((value, i) => Math.abs(value / (expected[of][i] as number) - 1)));
  report('three steps, losses beside WASM', worst('losses') / 1e-4, 3);
  report('three steps, gradient norms beside WASM', worst('norms') / 1e-3, 3);
}

async function threeSteps(on: Device): Promise<{ losses: number[]; norms: number[] }> {
  // Bytes and an end: what the student answers, greedily, is trained on as well.
  const tokenizer = trainTokenizer(['abc'], { vocabSize: 257, specialTokens: { eos: '<eos>' } });
  const shape = {
    vocab_size: tokenizer.vocabSize,
    n_positions: 32,
    n_embd: 32,
    n_layer: 2,
    n_head: 2,
    initializer_range: 0.3,
  };
  const config = { model_type: 'gpt2', embd_pdrop: 0, resid_pdrop: 0, attn_pdrop: 0, ...shape };
  const teacher = await createModel(config, { device: on, seed: 2, trainable: false });
  const student = await createModel(config, { device: on, seed: 1 });
  const train = Array.from({ length: 6 }, (_, row) => ({
    ids: Int32Array.from({ length: 13 }, (_, t) => tokenAt(row, t, shape.vocab_size)),
    promptLength: 3,
  }));
  const [losses, norms]: [number[], number[]] = [[], []];
  const run = {
    ...{ loss: skewReverseKL(), sgo: adaptiveOffPolicy({ initThreshold: 0.7 }), generation: { temperature: 0 } },
    ...{
      tokenizer,
      data: { train, validation: train.slice(0, 1) },
      optimizer: { lr: 1e-2 },
      steps: 3,
      batchSize: 3,
      maxNewTokens: 4,
    },
  };
  for await (const event of distill({ teacher, student, ...run })) {
    if (event.type !== 'step') continue;
    losses.push(event.loss);
    norms.push(event.gradNorm);
  }
  for (const each of [teacher, student, tokenizer]) each.dispose();
  return { losses, norms };
}
