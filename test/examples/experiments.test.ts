/** The files of examples/experiments hold options that there are, on data that are there. */
import { mkdtempSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { evaluate } from '../../src/cli/commands/eval.js';
import { experimentOf } from '../../src/cli/commands/experiment.js';
import { tokenizer } from '../../src/cli/commands/tokenizer.js';
import { train } from '../../src/cli/commands/train.js';
import { exitCodes } from '../../src/cli/exitCodes.js';
import { testTerminal } from '../cli/terminal.js';

const examples = 'examples/experiments';
const folder = mkdtempSync(join(tmpdir(), 'distillm-experiments-'));
afterAll(() => rm(folder, { recursive: true }));

const files = readdirSync(examples).filter((name) => name.endsWith('.json') && name !== 'base.json');
/** All that a plan is checked by, without a command that would be measured. */
const experiment = experimentOf({ commands: [train, evaluate, tokenizer], run: async () => exitCodes.failed });

it.each(files)('%s is a grid of three seeds', async (name) => {
  const terminal = testTerminal();
  const command = experiment(terminal, () => {});
  const words = [join(examples, name), '--dry-run', '--threads', '1', '--out', join(folder, 'out')];
  await command.parseAsync(words, { from: 'user' });
  const { runs } = JSON.parse(terminal.out()) as { runs: { labels: Record<string, string> }[] };
  expect(runs.length).toBeGreaterThanOrEqual(9);
  expect(new Set(runs.map(({ labels }) => labels.seed))).toEqual(new Set(['1', '2', '3']));
});
