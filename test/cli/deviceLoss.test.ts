/** `distillm train` on a GPU that is lost in the middle: what the terminal, the log and the curves say. */
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { openLosable } from '../harness/losable.js';
import { distillm, makeWorkspace } from './workspace.js';

const lost = vi.hoisted(() => ({ at: [] as number[], opened: [] as { readonly calls: number }[] }));
vi.mock('../../src/backend/webgpu/index.js', () => ({
  async openWebGPU() {
    const device = await openLosable(lost.at.shift());
    lost.opened.push(device);
    return device;
  },
}));

let folder: string;
const path = (...parts: string[]) => join(folder, ...parts);
beforeAll(async () => {
  folder = await makeWorkspace();
  const made = await distillm(
    `tokenizer --data ${path('train.jsonl')} --template compact --vocab-size 280 --out ${path('tokenizer')}`,
  );
  expect(made).toMatchObject({ code: 0 });
});
afterAll(() => rm(folder, { recursive: true }));

const train = (out: string, line = '') =>
  distillm(
    `train --method sft --student-config ${path('config.json')} --tokenizer ${path('tokenizer')} --data ${path('train.jsonl')} ` +
      `--template compact --validation 4 --validate-every 4 --steps 10 --batch-size 4 --device webgpu --threads 1 ` +
      `--out ${path(out)} ${line}`,
  );
const recordsOf = (out: string): { type: string; step: number }[] =>
  readFileSync(path(out, 'log.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
const weights = (out: string) => readFileSync(path(out, 'last/model.safetensors'));

/** A call after step 4, whose validation writes a state. */
let late = 0;

it('goes on from the last state, says so, and logs each step once', async () => {
  expect((await train('whole')).code).toBe(0);
  late = Math.floor(0.8 * lost.opened[0]!.calls);
  lost.at.push(late);
  const { code, err } = await train('lost', `--tensorboard ${path('curves')}`);
  expect(code, err).toBe(0);
  expect(err).toMatch(
    /^The GPU was lost \(unknown\): a test\. The run goes on after step [48], from .*lost\/state-00000[48], on a GPU\.$/m,
  );
  const records = recordsOf('lost');
  expect(records.filter(({ type }) => type === 'step').map(({ step }) => step)).toEqual([
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
  ]);
  expect(records.filter(({ type }) => type === 'validation').map(({ step }) => step)).toEqual([0, 4, 8, 10]);
  expect(records.filter(({ type }) => type === 'device')).toHaveLength(1);
  expect(weights('lost').equals(weights('whole'))).toBe(true);
});

it('--on-device-loss wasm goes on without a GPU, stop ends the run', async () => {
  lost.at.push(late);
  const gone = await train('gone', '--on-device-loss wasm');
  expect(gone.code, gone.err).toBe(0);
  expect(gone.err).toMatch(/, on WASM SIMD, 1 thread, /);
  lost.at.push(late);
  const ended = await train('ended', '--on-device-loss stop');
  expect([ended.code, ended.err]).toEqual([
    1,
    expect.stringMatching(/the device was lost .* Resume the run from its last/),
  ]);
});
