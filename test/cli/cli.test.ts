import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { version } from '../../package.json';
import { loadTokenizer } from '../../src/index.js';
import { hasGPUDevice } from '../../src/platform/node/index.js';
import { distillm, makeWorkspace } from './workspace.js';

const run = (words: readonly string[]) => distillm('', { more: words });

const commands = [
  'train',
  'generate',
  'chat',
  'eval',
  'inspect',
  'init',
  'merge',
  'plot',
  'tokenizer',
  'doctor',
  'verify',
];
afterEach(() => vi.restoreAllMocks());

describe('distillm', () => {
  it('lists its commands', async () => {
    const help = await run(['--help']);
    expect(help.code).toBe(0);
    for (const command of commands) expect(help.out).toContain(`  ${command} `);
    const nothing = await run([]);
    expect([nothing.code, nothing.out, nothing.err]).toEqual([2, '', help.out]);
  });

  it('says of --arithmetic all that it takes', async () => {
    const help = (await distillm('train --help')).out.replace(/\s+/g, ' ');
    const [, taken] = /--arithmetic <kind> how products are added: (.*?) \(default/.exec(help) ?? [];
    for (const name of ['fused (', 'plain (', 'gpu (']) expect(taken).toContain(name);
    expect(help).toContain(
      '--resume go on with the run in --out, by the options that it began with: nothing else need be',
    );
  });

  it('prints its version', async () => {
    expect((await run(['--version'])).out).toBe(`${version}\n`);
  });

  it.each(commands)('%s --help shows an example whose options exist', async (command) => {
    const { code, out } = await run([command, '--help']);
    expect(code).toBe(0);
    const [options, example] = out.split('Example:') as [string, string];
    expect(example).toContain(`distillm ${command}`);
    for (const option of example.match(/--[a-z-]+/g) ?? []) expect(options).toContain(`  ${option} `);
  });

  it.each([
    [
      ['nonsense'],
      'there is no command nonsense, expected one of train, cache-teacher, generate, chat, eval, data, inspect, init, merge, plot, tokenizer, doctor, verify, experiment.',
    ],
    [['trian'], /^distillm: there is no command trian, .* Did you mean train\?$/],
    [['--colour'], 'distillm has no option --colour. What it has: npx distillm --help'],
    [['train'], 'train needs --data <file...> and --out <folder>. What they are: npx distillm train --help'],
    [['train', '--data', 'x'], 'train needs --out <folder>. What it is: npx distillm train --help'],
    [['plot'], 'plot needs <runs>. What it takes: npx distillm plot --help'],
    [['train', '--out'], '--out <folder> has no value. What it takes: npx distillm train --help'],
    [['doctor', '--colour'], 'doctor has no option --colour. What it has: npx distillm doctor --help'],
    [['doctor', '--jsn'], 'doctor has no option --jsn. Did you mean --json?'],
    [['train', '--loss-alpha', '1'], 'train has no option --loss-alpha. Did you mean --alpha or --divergence-alpha?'],
    [['train', '--loss.alpha=1'], 'train has no option --loss.alpha=1. Did you mean --alpha or --divergence-alpha?'],
    [['train', '--lossAlpha', '1'], 'train has no option --lossAlpha. Did you mean --alpha or --divergence-alpha?'],
    [
      ['train', '--optimizer.weightDecay', '1'],
      'train has no option --optimizer.weightDecay. Did you mean --weight-decay?',
    ],
    [
      ['train', '--curriculum'],
      'train has no option --curriculum. Did you mean --curriculum-alpha or --curriculum-weight?',
    ],
    [['train', '--bacth-size=8'], 'train has no option --bacth-size=8. Did you mean --batch-size?'],
    [
      ['doctor', 'two words'],
      'doctor takes options only, and "two words" belongs to none. Leave it out, or put the name of its option before it.',
    ],
    [
      ['eval', '--model', 'x', '--data', 'y', '--seeds', '10', '20', '30'],
      '--seeds takes numbers with commas between them, and 20 stands alone: did you mean --seeds 10,20,30?',
    ],
    [
      ['eval', '--seeds', '10', 'z', '--model', 'x'],
      'eval takes options only, and z belongs to none. Leave it out, or put the name of its option before it.',
    ],
    [
      ['train', '--data', 'x', '--out', 'y', '--batch-size', '1.5'],
      '--batch-size is 1.5, expected an integer of at least 1.',
    ],
    [['train', '--data', 'x', '--out', 'y', '--lr', ''], '--lr is empty, expected a number of at least 0.'],
    [['train', '--data', 'x', '--out', 'y', '--kd-ratio', '2'], '--kd-ratio is 2, expected a number from 0 to 1.'],
    [
      ['train', '--data', 'x', '--out', 'y', '--validate-every', 'never'],
      "--validate-every is never, expected 'epoch' or an integer of at least 1.",
    ],
    [
      ['train', '--data', 'x', '--out', 'y', '--loss', 'reversKL'],
      /^distillm: --loss is reversKL, expected one of alphaBeta, .*, reverseKL, .*\. Did you mean reverseKL\?$/,
    ],
    [
      ['train', '--arithmetic', 'Plain'],
      '--arithmetic is Plain, expected one of fused, plain, gpu. Did you mean plain?',
    ],
    [
      ['train', '--schedule', 'cosin'],
      '--schedule is cosin, expected one of constant, linear, cosine, noam. Did you mean cosine?',
    ],
    [['eval', '--device', 'wsam'], '--device is wsam, expected one of auto, webgpu, wasm. Did you mean wasm?'],
    [
      ['generate', '--template', 'Compact'],
      '--template is Compact, expected one of alpaca, compact, t5, chat. Did you mean compact?',
    ],
    [
      ['eval', '--model', 'x', '--data', 'y', '--seeds', '1;2'],
      /^distillm: --seeds is 1;2, expected .* as in 10,20,30\.$/,
    ],
    [
      ['generate', '--model', 'x', '- sum up'],
      'generate has no option "- sum up". What it has: npx distillm generate --help. A word that begins with a dash goes ' +
        'after --, as in: npx distillm generate ... -- "- sum up"',
    ],
    [['generate', '--model', 'x', '--gredy'], 'generate has no option --gredy. Did you mean --greedy?'],
  ] as const)('refuses %j in a sentence', async (line, message) => {
    const { code, out, err } = await run(line);
    expect([code, out]).toEqual([2, '']);
    if (typeof message === 'string') expect(err).toBe(`distillm: ${message}\n`);
    else expect(err.trimEnd()).toMatch(message);
  });

  it('looks for data before it loads models, and says which are missing', async () => {
    const folder = await makeWorkspace();
    const there = join(folder, 'train.jsonl');
    for (const [line, expected] of [
      ['train --method sft --student nowhere --data x --out y', '--data x cannot be read'],
      [`train --method sft --student nowhere --data ${there} x --out y`, '--data x cannot be read'],
      [`train --method sft --student nowhere --data ${there} --validation x --out y`, '--validation x cannot be read'],
      [`train --method sft --student nowhere --data ${there} --text x --out y`, '--text x cannot be read'],
      [
        `train --method sft --student-config x --tokenizer nowhere --data ${there} --out y`,
        '--student-config x cannot be read',
      ],
      ['eval --model nowhere --data x', '--data x cannot be read'],
      ['generate --model nowhere --prompts x', '--prompts x cannot be read'],
      [`tokenizer --data x --out ${join(folder, 'tokenizer')}`, '--data x cannot be read'],
    ] as const) {
      const { code, err } = await distillm(line);
      expect([code, err]).toEqual([
        1,
        `distillm: ${expected}: there is no such file or folder (ENOENT). Check the path.\n`,
      ]);
    }
    const isFolder = await distillm(`eval --model nowhere --data ${folder}`);
    expect(isFolder.err).toBe(`distillm: --data ${folder} is a folder, expected a file. Name a file in it.\n`);
    await rm(folder, { recursive: true });
  });

  const built = 'dist/cli.js';
  it.skipIf(!existsSync(built))('runs as a program of its own, and ends', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [built, 'doctor', '--json'], { timeout: 20_000 });
    expect(JSON.parse(stdout).node).toBe(process.version);
    const failed = await promisify(execFile)(process.execPath, [built, 'train']).catch((error) => error);
    expect([failed.code, failed.stderr]).toEqual([
      2,
      'distillm: train needs --data <file...> and --out <folder>. What they are: node dist/cli.js train --help\n',
    ]);
    expect(readFileSync(built, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
  });
});

describe('distillm doctor', () => {
  const built = 'dist/cli.js';
  it.skipIf(!existsSync(built) || hasGPUDevice('/'))(
    'writes no warnings of drivers where there is no GPU',
    async () => {
      const drivers = /^VK_|^LD_LIBRARY_PATH$/;
      const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !drivers.test(name)));
      const { stdout, stderr } = await promisify(execFile)(process.execPath, [built, 'doctor'], { env });
      expect(stdout).toContain('WebGPU     not available: this machine shows no GPU');
      expect(stderr).toBe('');
      const line = ['generate', '--model', 'examples/demo/teacher', '--device', 'webgpu', 'a'];
      const asked = await promisify(execFile)(process.execPath, [built, ...line], { env }).catch((error) => error);
      expect([asked.code, asked.stderr]).toEqual([
        1,
        expect.stringMatching(/^distillm: webgpu: this machine shows no GPU, .* pass --allow-software for .*\.\n$/),
      ]);
    },
  );

  it('shows what is there', async () => {
    const { code, out } = await run(['doctor', '--json']);
    expect(code).toBe(0);
    const report = JSON.parse(out);
    expect(report.wasm).toMatchObject({ kind: 'wasm', simd: true, threads: report.processors });
    expect(report.auto).toMatch(/^(wasm|webgpu)$/);
    const text = (await run(['doctor'])).out;
    expect(text).toContain(report.wasm.description);
    expect(text).toContain(`--device auto takes ${report.auto}`);
  });

  it('works where no device does, and says so', async () => {
    vi.spyOn(WebAssembly, 'compile').mockRejectedValue(new Error('no SIMD here'));
    vi.stubGlobal('navigator', undefined);
    const { code, out } = await run(['doctor', '--json']);
    const report = JSON.parse(out);
    if (report.auto === 'webgpu') return;
    expect(code).toBe(1);
    expect(report.wasm.missing).toContain('do not compile here');
    expect(report.advice[0]).toContain('WASM: run Node 20 or later');
    expect((await run(['doctor'])).out).toContain('no device works here');
    if ('missing' in report.webgpu)
      expect((await run(['doctor', '--tune'])).out).toContain(`Tuned      nothing: ${report.webgpu.missing}`);
  });
});

describe('distillm tokenizer', () => {
  it('trains on prompts and answers, on plain text, and on both', async () => {
    const folder = await makeWorkspace();
    await writeFile(join(folder, 'text.txt'), 'the ant and the bee saw the ant\n');
    const trained = async (...files: string[]) => {
      const target = join(folder, `${files.join('-')}-tokenizer`);
      const data = files.map((file) => join(folder, file));
      const { code, out, err } = await run(['tokenizer', '--data', ...data, '--vocab-size', '262', '--out', target]);
      expect(code, err).toBe(0);
      const tokenizer = await loadTokenizer(target);
      expect([tokenizer.vocabSize, tokenizer.eosTokenId]).toEqual([262, 0]);
      expect(JSON.parse(out)).toMatchObject({ tokenizer: target, vocabSize: 262 });
      tokenizer.dispose();
      return readFileSync(join(target, 'tokenizer.json'), 'utf8');
    };
    const text = await trained('text.txt');
    expect(await trained('train.jsonl')).not.toBe(text);
    expect(await trained('text.txt', 'train.jsonl')).not.toBe(text);
    await rm(folder, { recursive: true });
  });

  it.each(['empty.txt', 'empty.jsonl'])('refuses %s, and writes nothing', async (name) => {
    const folder = await makeWorkspace();
    const target = join(folder, 'tokenizer');
    await writeFile(join(folder, name), '');
    const { code, out, err } = await run(['tokenizer', '--data', join(folder, name), '--out', target]);
    expect([code, out, existsSync(target)]).toEqual([1, '', false]);
    expect(err).toBe(`distillm: ${join(folder, name)}: no text to train on, expected instructions or plain text.\n`);
    await rm(folder, { recursive: true });
  });
});
