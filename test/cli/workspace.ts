import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCli } from '../../src/cli/runCli.js';
import { type TestTerminal, testTerminal } from './terminal.js';

export interface Finished {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command line in this process. Arguments are separated by single spaces; `more` may contain spaces. */
export async function distillm(
  line: string,
  { more = [], terminal = testTerminal() }: Options = {},
): Promise<Finished> {
  const code = await runCli([...line.split(' ').filter((word) => word !== ''), ...more], terminal);
  return { code, out: terminal.out(), err: terminal.err() };
}
interface Options {
  readonly more?: readonly string[];
  readonly terminal?: TestTerminal;
}

const words = ['ant', 'bee', 'cat', 'dog', 'eel', 'fox', 'gnu', 'hen', 'ibis', 'jay'];

/** A temporary folder with instruction data (`train.jsonl`, `held-out.jsonl`) and the shape of a tiny GPT-2. */
export async function makeWorkspace(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'distillm-cli-'));
  const record = (word: string, times: number) =>
    `${JSON.stringify({ instruction: `Say ${word} ${times} times.`, output: Array(times).fill(word).join(' ') })}\n`;
  await writeFile(join(folder, 'train.jsonl'), words.flatMap((word) => [record(word, 1), record(word, 2)]).join(''));
  await writeFile(join(folder, 'held-out.jsonl'), words.map((word) => record(word, 3)).join(''));
  const config = { model_type: 'gpt2', n_positions: 96, n_embd: 8, n_layer: 1, n_head: 2, initializer_range: 0.2 };
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  return folder;
}
