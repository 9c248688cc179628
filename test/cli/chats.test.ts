/** Conversations on the command line: trained on, answered and scored in the tokenizer's chat template. */
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createChatTemplate, encodePrompt, generate, loadModel, loadTokenizer, openDevice } from '../../src/index.js';
import { testTerminal } from './terminal.js';
import { distillm, makeWorkspace } from './workspace.js';

let folder: string;
let model: string;
const at = (name: string) => join(folder, name);
const wasm = ['--device', 'wasm', '--threads', '1'];
const run = (words: readonly string[], terminal = testTerminal()) => distillm('', { more: words, terminal });
const oracles = new URL('../oracles/chat/', import.meta.url);

const records = ['ant', 'bee', 'cat', 'dog', 'eel', 'fox'].map((word) => ({
  messages: [
    { role: 'user', content: `Say ${word}.` },
    { role: 'assistant', content: word },
    { role: 'user', content: 'Again.' },
    { role: 'assistant', content: `${word} ${word}` },
  ],
}));
const training = (...more: string[]) => [
  ...[
    'train',
    '--method',
    'sft',
    '--student-config',
    at('config.json'),
    '--tokenizer',
    at('tokenizer'),
    '--validation',
    '2',
  ],
  ...['--epochs', '2', '--lr', '1e-2', '--batch-size', '2', '--data', at('chats.jsonl'), ...wasm, ...more],
];

beforeAll(async () => {
  folder = await makeWorkspace();
  model = at('run/last');
  await mkdir(at('tokenizer'));
  await cp(new URL('byteLevel.json', oracles), at('tokenizer/tokenizer.json'));
  await writeFile(at('tokenizer/tokenizer_config.json'), JSON.stringify({ eos_token: '<|im_end|>' }));
  await cp(new URL('templates/tagged.jinja', oracles), at('tokenizer/chat_template.jinja'));
  await writeFile(at('chats.jsonl'), records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  const trained = await run(training('--out', at('run')));
  expect(trained).toMatchObject({ code: 0, err: expect.stringContaining('template chat') });
});
afterAll(() => rm(folder, { recursive: true }));

/** What the API says to these turns, greedily. */
async function expected(...turns: { role: 'user' | 'assistant'; content: string }[]): Promise<string> {
  const device = await openDevice({ kind: 'wasm', wasm: { threads: 1 } });
  const tokenizer = await loadTokenizer(model);
  const { eosTokenIds: eosTokenId, vocabSize } = tokenizer;
  const loaded = await loadModel(model, { device });
  expect(loaded.promptTemplate).toBe('chat');
  const prompt = encodePrompt({ messages: turns }, { tokenizer, template: createChatTemplate(tokenizer) });
  const [ids] = await generate(loaded, [prompt], { maxNewTokens: 6, temperature: 0, eosTokenId, vocabSize });
  await device.dispose();
  return tokenizer.decode(ids as Int32Array, { skipSpecialTokens: true });
}
const user = (content: string) => ({ role: 'user', content }) as const;

describe('a model that was trained on conversations', () => {
  const greedy = () => ['--model', model, '--greedy', '--max-new-tokens', '6', ...wasm];

  it('keeps its template, and is asked in it without being told', async () => {
    expect(JSON.parse(await readFile(join(model, 'distillm.json'), 'utf8'))).toEqual({ promptTemplate: 'chat' });
    const template = await readFile(new URL('templates/tagged.jinja', oracles), 'utf8');
    expect(await readFile(join(model, 'chat_template.jinja'), 'utf8')).toBe(template);
    const answer = await expected(user('Say ant.'));
    for (const more of [[], ['--chat'], ['--template', 'chat']]) {
      expect(await run(['generate', ...greedy(), ...more, 'Say ant.'])).toMatchObject({
        code: 0,
        out: `${answer}\n`,
        err: '',
      });
    }
    expect((await run(['generate', ...greedy(), '--template', 'compact', 'Say ant.'])).code).toBe(0);
  });

  it('is asked in its chat template where nothing says that it was trained so, and a note says it', async () => {
    const unsaid = at('unsaid');
    await cp(model, unsaid, { recursive: true });
    await rm(join(unsaid, 'distillm.json'));
    const answer = await expected(user('Say ant.'));
    const words = ['generate', '--model', unsaid, ...greedy().slice(2)];
    expect(await run([...words, 'Say ant.'])).toMatchObject({
      out: `${answer}\n`,
      err: expect.stringMatching(/^Note: The prompts are in the chat template .* give --template alpaca\.\n$/),
    });
    expect(await run([...words, '--chat', 'Say ant.'])).toMatchObject({ out: `${answer}\n`, err: '' });
    await writeFile(at('plain.jsonl'), '{"instruction": "Say ant.", "output": "ant"}\n');
    const scored = ['eval', '--model', unsaid, ...greedy().slice(2), '--data', at('plain.jsonl')];
    const { out, err } = await run(scored);
    expect(JSON.parse(out)).toMatchObject({ settings: { template: 'chat' } });
    expect(err).toContain('Note: The prompts are in the chat template');
    const other = JSON.parse((await run([...scored, '--template', 'compact'])).out);
    expect(other).toMatchObject({ settings: { template: 'compact' } });
    const sft = training('--out', at('plainRun'), '--dry-run', '--validation', '0');
    const trained = await run(sft.map((word) => (word === at('chats.jsonl') ? at('plain.jsonl') : word)));
    expect(trained.err).toContain(
      'Note: The data are in the template alpaca, though the tokenizer has a chat template.',
    );
  });

  it('answers the last question of each conversation of a file', async () => {
    const { out } = await run(['generate', ...greedy(), '--prompts', at('chats.jsonl'), '--json']);
    const lines = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toHaveLength(records.length);
    const asked = records[0]!.messages.slice(0, 3) as never as Parameters<typeof expected>;
    expect(lines[0]).toMatchObject({ messages: asked, answer: await expected(...asked) });
    const { code, err } = await run(['generate', ...greedy(), '--raw', '--prompts', at('chats.jsonl')]);
    expect([code, err]).toEqual([
      2,
      expect.stringContaining('--raw leaves the template out, into which the conversations'),
    ]);
  });

  it('talks with the turns before as turns, the oldest forgotten where there is no room', async () => {
    const first = await expected(user('Say bee.'));
    const second = await expected(user('Say bee.'), { role: 'assistant', content: first }, user('Again.'));
    const talk = (...more: string[]) =>
      run(['chat', ...greedy(), ...more], testTerminal({ stdin: 'Say bee.\nAgain.\n' }));
    expect(await talk()).toMatchObject({
      out: `${first}\n${second}\n`,
      err: expect.stringContaining('template chat.'),
    });
    expect((await talk('--turns', '0')).out).toBe(`${first}\n${await expected(user('Again.'))}\n`);
  });

  it('is scored on the last answers', async () => {
    const { code, out } = await run([
      'eval',
      ...greedy(),
      '--data',
      at('chats.jsonl'),
      '--answers',
      at('answers.jsonl'),
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ examples: 6, settings: { template: 'chat' } });
    const [, line = ''] = (await readFile(at('answers.jsonl'), 'utf8')).split('\n');
    expect(JSON.parse(line)).toMatchObject({ instruction: 'Again.', references: ['ant ant'] });
  });

  it('goes on by its folder alone', async () => {
    const { code, err } = await run(['train', '--resume', '--out', at('run'), '--epochs', '3']);
    expect(err).toContain('template chat');
    expect(code).toBe(0);
  });
});

describe('distillm train', () => {
  it('shows the first sample of a dry run, with what is learnt of it', async () => {
    const { code, err } = await run(training('--out', at('dry'), '--dry-run'));
    expect(code).toBe(0);
    expect(err).toMatch(
      /The first sample, in the template chat; what is learnt is between \u27e6 and \u27e7:\n<\|im_start\|>user\nSay \w+\.<\|im_end\|>\n<\|im_start\|>assistant\n\u27e6\w+<\|im_end\|>\u27e7\n<\|im_start\|>user\nAgain\.<\|im_end\|>\n<\|im_start\|>assistant\n\u27e6\w+ \w+<\|im_end\|>\u27e7\n/,
    );
  });

  it('asks for the chat template where another is named, and for a tokenizer that has one', async () => {
    const named = await run(training('--out', at('unused'), '--template', 'alpaca'));
    expect([named.code, named.err]).toEqual([
      2,
      expect.stringMatching(
        /the records are conversations, which the template alpaca does not know\. .*--template chat/s,
      ),
    ]);
    const without = ['--tokenizer', at('plain'), '--out', at('unused')];
    await mkdir(at('plain'), { recursive: true });
    await cp(at('tokenizer/tokenizer.json'), at('plain/tokenizer.json'));
    await cp(at('tokenizer/tokenizer_config.json'), at('plain/tokenizer_config.json'));
    const none = await run([
      ...training().filter((word, i, all) => word !== '--tokenizer' && all[i - 1] !== '--tokenizer'),
      ...without,
    ]);
    expect([none.code, none.err]).toEqual([2, expect.stringMatching(/the tokenizer has no chat template/)]);
  });

  it('takes one array of prompts and completions', async () => {
    const pairs = ['ant', 'bee', 'cat', 'dog'].map((word) => ({ prompt: `Say ${word}.`, completion: word }));
    await writeFile(at('pairs.json'), JSON.stringify(pairs, null, 1));
    const words = training('--out', at('pairs'), '--template', 'chat').map((word) =>
      word === at('chats.jsonl') ? at('pairs.json') : word,
    );
    expect(await run(words)).toMatchObject({
      code: 0,
      err: expect.stringMatching(/Data: 2 records, 2 for validation, template chat/),
    });
  });
});

it('distillm generate refuses two ways to say what a prompt goes into', async () => {
  const { code, err } = await run(['generate', '--model', model, '--chat', '--raw', 'a']);
  expect([code, err]).toEqual([2, expect.stringContaining('--raw and --chat are both given')]);
});
