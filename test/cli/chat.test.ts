import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Conversation } from '../../src/cli/conversation.js';
import { pipedLines } from '../../src/cli/terminal.js';
import {
  type Device,
  encodePrompt,
  generate,
  loadModel,
  loadTokenizer,
  openDevice,
  type Tokenizer,
} from '../../src/index.js';
import { testTerminal } from './terminal.js';
import { distillm, makeWorkspace } from './workspace.js';

let folder: string;
let model: string;
let device: Device;
let tokenizer: Tokenizer;
const at = (name: string) => join(folder, name);
const wasm = ['--device', 'wasm', '--threads', '1'];

beforeAll(async () => {
  folder = await makeWorkspace();
  model = at('run/last');
  const data = ['--data', at('train.jsonl'), '--template', 'compact'];
  const run = (words: readonly string[]) => distillm('', { more: words });
  await run(['tokenizer', ...data, '--vocab-size', '280', '--out', at('tokenizer')]);
  const trained = await run([
    ...['train', '--method', 'sft', '--student-config', at('config.json'), '--tokenizer', at('tokenizer'), ...data],
    ...['--epochs', '3', '--lr', '1e-2', '--out', at('run'), ...wasm],
  ]);
  expect(trained).toMatchObject({ code: 0 });
  device = await openDevice({ kind: 'wasm', wasm: { threads: 1 } });
  tokenizer = await loadTokenizer(model);
});
afterAll(async () => {
  await device.dispose();
  await rm(folder, { recursive: true });
});

const chat = (stdin: string, ...more: string[]) => {
  const terminal = testTerminal({ stdin });
  return distillm('', {
    more: ['chat', '--model', model, '--greedy', '--max-new-tokens', '5', ...wasm, ...more],
    terminal,
  });
};

/** What the model answers, greedily, to prompts that stand one after the other with its answers. */
async function answers(...instructions: string[]): Promise<string[]> {
  const loaded = await loadModel(model, { device });
  const texts: string[] = [];
  let before: number[] = [];
  for (const instruction of instructions) {
    const prompt = [...before, ...encodePrompt({ instruction }, { tokenizer, template: 'compact' })];
    const { eosTokenIds: eosTokenId } = tokenizer;
    const [ids] = await generate(loaded, [Int32Array.from(prompt)], { maxNewTokens: 5, temperature: 0, eosTokenId });
    texts.push(tokenizer.decode(ids!, { skipSpecialTokens: true }));
    before = [...prompt, ...ids!];
  }
  loaded.dispose();
  return texts;
}

describe('distillm chat', () => {
  it('answers each line, in the template of the model, with the turns before', async () => {
    const [first, second] = await answers('Say ant', 'Say bee');
    const { code, out, err } = await chat('Say ant\n\n  Say bee\r\n/quit\nSay cat\n');
    expect([code, out]).toEqual([0, `${first}\n${second}\n`]);
    expect(err).toBe(`${model}, template compact. /reset forgets what was said, /quit ends, Ctrl-C stops an answer.\n`);
  });

  it('ends with its input, also where the last line has no end', async () => {
    const [only] = await answers('Say ant');
    expect(await chat('Say ant')).toMatchObject({ code: 0, out: `${only}\n` });
    expect(await chat('')).toMatchObject({ code: 0, out: '' });
  });

  it('forgets what was said, or never looks at it, where that is wanted', async () => {
    const [alone] = await answers('Say bee');
    const reset = await chat('Say ant\n/reset\nSay bee\n');
    expect(reset.out.split('\n')[1]).toBe(alone);
    expect(reset.err).toContain('Forgotten: 1 turn.\n');
    expect((await chat('Say ant\nSay bee\n', '--turns', '0')).out.split('\n')[1]).toBe(alone);
    const unknown = await chat('/rest\n /reset is a word\n');
    expect(unknown.err).toContain('There is no command /rest, only /reset and /quit.');
    expect(unknown.out).toBe(`${(await answers('/reset is a word'))[0]}\n`);
  });

  it('goes on after a line that is too long', async () => {
    const [only] = await answers('Say ant');
    const { code, out, err } = await chat(`${'zq'.repeat(60)}\nSay ant\n`);
    expect([code, out]).toEqual([0, `${only}\n`]);
    expect(err).toMatch(
      /This line takes 1\d\d of the model's 96 positions, .* Ask in fewer words, or lower --max-new-tokens\.\n/,
    );
  });

  it('leaves out the oldest turns where they do not fit', async () => {
    const lines = Array.from({ length: 12 }, (_, i) => `Say ant ${i}`);
    const { code, out } = await chat(`${lines.join('\n')}\n`);
    expect(code).toBe(0);
    expect(out.trimEnd().split('\n').length).toBeGreaterThanOrEqual(12);
  });

  it('stops an answer at Ctrl-C, and listens to the next line', async () => {
    let pressed = false;
    const terminal = testTerminal({
      stdin: 'Say ant\nSay bee\n',
      wroteOut: (_, self) => {
        if (!pressed) self.interrupt();
        pressed = true;
      },
    });
    const words = ['chat', '--model', model, '--temperature', '100', '--max-new-tokens', '40', '--turns', '0', ...wasm];
    const { code, out, err } = await distillm('', { more: words, terminal });
    expect(code).toBe(0);
    expect(err.match(/\(stopped\)/g)).toHaveLength(1);
    const whole = await distillm('', { more: words, terminal: testTerminal({ stdin: 'Say ant\nSay bee\n' }) });
    expect(out.length).toBeLessThan(whole.out.length);
    // Each answer is drawn by a seed of its own, whether the one before was stopped or not.
    expect(whole.out.endsWith(out.slice(-20))).toBe(true);
  });
});

it('a conversation keeps the newest turns that fit, whole', () => {
  const ids = (...values: number[]) => Int32Array.from(values);
  const asked: Readonly<Record<string, readonly number[]>> = { one: [1, 2], two: [4], three: [7, 8] };
  const conversation = new Conversation((turns, question) =>
    ids(...turns.flatMap((turn) => [...asked[turn.question]!, ...turn.ids]), ...asked[question]!),
  );
  conversation.add({ question: 'one', answer: 'a', ids: ids(3) });
  conversation.add({ question: 'two', answer: 'b', ids: ids(5, 6) });
  const prompt = (most: number) => [...conversation.promptWith('three', (length) => length <= most)];
  expect(prompt(8)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(prompt(7)).toEqual([4, 5, 6, 7, 8]);
  expect(prompt(4)).toEqual([7, 8]);
  expect(prompt(1)).toEqual([7, 8]);
  expect([conversation.length, conversation.answers]).toEqual([2, 2]);
  conversation.reset();
  expect([conversation.length, conversation.answers, prompt(8)]).toEqual([0, 2, [7, 8]]);
});

it('lines of a pipe come as they are, whatever the pieces', async () => {
  const read = async (...pieces: (string | Uint8Array)[]) => {
    const lines: string[] = [];
    for await (const line of pipedLines(
      (async function* () {
        yield* pieces;
      })(),
    ))
      lines.push(line);
    return lines;
  };
  const bytes = new TextEncoder().encode('é\r\nb');
  expect(await read(bytes.subarray(0, 1), bytes.subarray(1), '\n\nc')).toEqual(['é', 'b', '', 'c']);
  expect(await read()).toEqual([]);
  await expect(read('a\n', Uint8Array.of(0xe9, 0x0a))).rejects.toThrow('stdin is not UTF-8, in line 2 or after it.');
});
