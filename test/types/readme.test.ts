/**
 * The README's code, and more of text in and text out, in a user's project: under the strictest options, with the built declarations checked too
 * (`skipLibCheck: false`), by every way that TypeScript finds a package. Once as a Node project has it, with @types/node
 * and without the DOM's types, once as a page has it, with the DOM's and without @types/node.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import ts from 'typescript';
import { expect, it } from 'vitest';
import { codeOf } from '../../scripts/doc-code.mjs';

const files = new Map([
  [
    join(process.cwd(), 'readme-code.ts'),
    `${codeOf(readFileSync('README.md', 'utf8'))}\nimport 'distillm/tensor';\nimport 'distillm/testing';\nimport 'distillm/worker';\nimport 'distillm/embedded';\n`,
  ],
  [
    join(process.cwd(), 'text-code.ts'),
    `
import {
  type DownloadProgress, type FinishReason, generateText, loadModel, loadTokenizer, openDevice, readInstructions,
  readText, streamText, type TextAnswer, type TextPrompt,
} from 'distillm';
const onProgress = ({ file, loaded, total }: DownloadProgress) => console.log(file, loaded / (total ?? Infinity));
const url = 'https://example.org/gpt2/';
const tokenizer = await loadTokenizer(url, { onProgress });
const model = await loadModel(url, { device: await openDevice(), onProgress });
interface Row { readonly instruction: string; readonly output: string; readonly year?: number }
const rows: readonly Row[] = [{ instruction: 'Add 2 and 3.', output: '5' }];
const file = new File(['{}'], 'dolly.jsonl');
await readInstructions(rows, { tokenizer, validation: file });
await readInstructions([file, rows, 'more.jsonl', { text: '{}' }], { tokenizer, validation: rows });
await readText(new Blob(['the cat']), { tokenizer });
const prompts: TextPrompt[] = ['a', { instruction: 'b', input: 'c' }, tokenizer.encode('d')];
const answers: TextAnswer[] = await generateText(model, prompts, { tokenizer, template: model.promptTemplate, topK: 5 });
const reasons: FinishReason[] = answers.map(({ finishReason }) => finishReason);
const { signal } = new AbortController();
for await (const { prompt, text, ids, finishReason } of streamText(model, ['a'], { tokenizer, stop: ['#'], signal })) {
  console.log(prompt.toFixed(), text.trim(), ids.length, finishReason === reasons[0]);
}
`,
  ],
  // Had the package no types, this would be right.
  [
    join(process.cwd(), 'wrong-code.ts'),
    `import { generateText, type LanguageModel, openDevice, type Tokenizer } from 'distillm';
await openDevice({ kind: 'wsam' });
declare const given: { model: LanguageModel; tokenizer: Tokenizer };
await generateText(given.model, 'a', { tokenizer: given.tokenizer });
`,
  ],
]);

const shared = new Map<string, ts.SourceFile | undefined>();

function faultsOf(options: ts.CompilerOptions, hidden: RegExp): string[] {
  const all: ts.CompilerOptions = {
    ...{ strict: true, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true, skipLibCheck: false },
    // TypeScript's own files are right.
    ...{ skipDefaultLibCheck: true, noEmit: true, target: ts.ScriptTarget.ES2022, ...options },
  };
  const host = ts.createCompilerHost(all);
  const { readFile, fileExists, directoryExists, getSourceFile } = host;
  host.readFile = (path) => files.get(path) ?? readFile(path);
  host.fileExists = (path) => files.has(path) || (!hidden.test(path) && fileExists(path));
  host.directoryExists = (path) => !hidden.test(path) && directoryExists!(path);
  host.getSourceFile = (path, how, ...rest) => {
    const key = `${path} ${typeof how === 'object' ? how.impliedNodeFormat : ''}`;
    const own = files.get(path);
    if (own !== undefined) return ts.createSourceFile(path, own, how);
    if (!shared.has(key)) shared.set(key, getSourceFile(path, how, ...rest));
    return shared.get(key);
  };
  const program = ts.createProgram([...files.keys()], all, host);
  return ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => {
    const path = file?.fileName.replace(`${process.cwd()}/`, '');
    return `${path}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
  });
}

const { Node16, NodeNext, ESNext } = ts.ModuleKind;
const projects = { node: { types: ['node'], lib: ['lib.es2023.d.ts'] }, page: { types: [] } };

it.skipIf(!existsSync('dist/types')).each([
  ['node16', 'node', { module: Node16 }],
  ['node16', 'page', { module: Node16 }],
  ['nodenext', 'node', { module: NodeNext }],
  ['nodenext', 'page', { module: NodeNext }],
  ['bundler', 'node', { module: ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler }],
  ['bundler', 'page', { module: ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler }],
] as const)(
  'type-checks by %s in a project of a %s',
  async (_, project, resolution) => {
    // Vitest asks its worker for a sign of life within a minute, and all of these together take longer on a busy machine.
    await setImmediate();
    const hidden = project === 'page' ? /node_modules\/@types\/node(\/|$)/ : /(?!)/;
    expect(faultsOf({ ...projects[project], ...resolution } as ts.CompilerOptions, hidden)).toEqual([
      expect.stringMatching(/^wrong-code\.ts: Type '"wsam"' is not assignable to type '.*"webgpu"/),
      expect.stringMatching(/^wrong-code\.ts: Argument of type 'string' is not assignable to .*TextPrompt\[\]/),
    ]);
  },
  120_000,
);
