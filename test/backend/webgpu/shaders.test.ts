import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resolveShader, resolveShaders } from '../../../scripts/shaders.js';
import { plannedKernels } from '../../../src/backend/kernels/index.js';
import { shaders } from '../../../src/backend/webgpu/shaders.js';

describe('the order of WGSL files', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'distillm-wgsl-'));
    const files = {
      'math.wgsl': '// Functions.\nfn exp2() {}\n',
      'tile.wgsl': '// A tile. Follows\n// math.wgsl.\nfn tile() {}\n',
      'main.wgsl':
        '// A kernel. Follows tile.wgsl, math.wgsl and\n// other.wgsl. One thread.\n// Follows nothing else.\nfn main() {}\n',
      'other.wgsl': 'fn other() {}\n// Follows missing.wgsl: behind the opening comment, so it means nothing.\n',
      'lost.wgsl': '// Follows missing.wgsl.\n',
      'egg.wgsl': '// Follows hen.wgsl.\n',
      'hen.wgsl': '// Follows egg.wgsl.\n',
    };
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  });
  afterAll(() => rm(folder, { recursive: true }));
  const resolve = (name: string) => resolveShader(join(folder, name), [folder]);

  it('puts the files that one follows before it, each once, and theirs before them', async () => {
    const { code, parts } = await resolve('main.wgsl');
    expect(parts.map((part) => part.slice(folder.length + 1))).toEqual([
      'math.wgsl',
      'tile.wgsl',
      'other.wgsl',
      'main.wgsl',
    ]);
    expect(code.match(/fn \w+/g)).toEqual(['fn exp2', 'fn tile', 'fn other', 'fn main']);
  });

  it('is an error where a file is missing, or files follow each other', async () => {
    await expect(resolve('lost.wgsl')).rejects.toThrow(
      /lost\.wgsl follows missing\.wgsl, which is not there\. Known: .*math/,
    );
    await expect(resolve('egg.wgsl')).rejects.toThrow(/in a circle: .*egg\.wgsl -> .*hen\.wgsl -> .*egg\.wgsl/);
  });
});

describe('the shaders', () => {
  it('are there for every kernel that runs by its plan, as the bundler gives them', async () => {
    for (const kernel of plannedKernels) expect(shaders[kernel], kernel).toContain('fn main(');
    for (const [name, { code }] of await resolveShaders()) expect(shaders[name], name).toBe(code);
  });

  it('hold no file twice', async () => {
    for (const [name, { parts }] of await resolveShaders()) expect(new Set(parts).size, name).toBe(parts.length);
  });
});
