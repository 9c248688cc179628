/**
 * Part (b): the kernels, the losses, tiny models and three DistiLLM steps on the GPU of this process's environment, by the
 * cases, references and oracles of the tests. A line a check: how much of the allowed error it needed, in %. `--what` takes
 * the kernels alone, or the models, with losses and steps, so that each have a time limit of their own.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  adaptiveOffPolicy,
  createModel,
  type Device,
  distill,
  loadModel,
  openDevice,
  skewReverseKL,
  trainTokenizer,
} from 'distillm';
import { headLogits, tidy } from 'distillm/tensor';
import { type DivergenceCase, measureDivergence, verifyDevice } from 'distillm/testing';
import { summary, tokenAt } from '../frame/measure.ts';
import { argument, flag, print } from '../runner/commandLine.ts';

interface Loss {
  readonly kind: string;
  readonly weight: number;
  readonly value: number;
  readonly gradient: readonly (readonly number[])[];
}
interface Oracle {
  readonly batches: readonly {
    readonly batch: number;
    readonly seq: number;
    readonly lengths: readonly number[];
    readonly ids: readonly number[];
  }[];
  readonly logits: readonly number[];
}

/** In the archive beside this script's folder, in the repository among the tests. */
const oracles = [new URL('../oracles/', import.meta.url), new URL('../../test/oracles/', import.meta.url)]
  .map((url) => fileURLToPath(url))
  .find((path) => existsSync(path)) as string;
const read = <T>(name: string) => JSON.parse(readFileSync(oracles + name, 'utf8')) as T;
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
  for (const folder of tiny ? ['gpt2'] : modelOracles()) await checkModel(folder);
  await checkSteps();
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
  const cases = read<(DivergenceCase & { losses: Loss[] })[]>('divergences.json');
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

/** Folders of the oracles with a model and its logits. */
function modelOracles(): string[] {
  const suffix = '/model/config.json';
  const paths = readdirSync(oracles, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith(suffix));
  return paths.map((path) => path.slice(0, -suffix.length)).sort();
}

/** The logits of transformers: 1e-4. */
async function checkModel(folder: string): Promise<void> {
  const { batches, logits } = read<Oracle>(`${folder}/oracle.json`);
  const [{ batch, seq, lengths, ids }] = batches as [Oracle['batches'][number]];
  const model = await loadModel(`${oracles}${folder}/model`, { device, trainable: false });
  const keyRange = Int32Array.from(lengths.flatMap((length) => [0, length]));
  const tokens = { batch, seq, ids: Int32Array.from(ids), keyRange };
  const found = tidy(() => headLogits(model.forward(tokens), model.head));
  const got = (await found.read()) as Float32Array;
  found.dispose();
  let worst = 0;
  for (const [row, length] of lengths.entries()) {
    for (let i = row * seq * model.vocabSize; i < (row * seq + length) * model.vocabSize; i++)
      worst = Math.max(worst, Math.abs((got[i] as number) - (logits[i] as number)));
  }
  model.dispose();
  report(`${folder}, logits of transformers`, worst / 1e-4, lengths.length);
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
