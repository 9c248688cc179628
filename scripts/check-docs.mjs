// Holds README.md, CONTRIBUTING.md and docs/*.md to the code: every path and relative link exists, every npm script is
// in package.json, every command and flag of the CLI is in its --help, and the TypeScript of a page type-checks against
// the built declarations, all its blocks as one module. Needs dist/. Exits with 1 and one line for each fault.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { codeOf } from './doc-code.mjs';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
if (!existsSync('dist/types')) {
  console.error('check-docs: dist/ is not built. Run `npm run build` first.');
  process.exit(1);
}
const pages = ['README.md', 'CONTRIBUTING.md', 'bench/README.md', ...readdirSync('docs').map((name) => `docs/${name}`)]
  .filter((path) => path.endsWith('.md') && existsSync(path))
  .map((path) => ({ path, text: readFileSync(path, 'utf8') }));
const faults = [];
const fault = (page, at, what) => faults.push(`${page.path}:${page.text.slice(0, at).split('\n').length}: ${what}`);

for (const page of pages) {
  for (const found of page.text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)) {
    const target = normalize(join(dirname(page.path), found[1]));
    if (!existsSync(target)) fault(page, found.index, `the link '${found[1]}' leads nowhere`);
  }
  for (const found of page.text.matchAll(pathPattern())) {
    for (const path of expanded(found[0].replace(/[.,]+$/, '').replaceAll('NAME', '*'))) {
      if (!matches(path)) fault(page, found.index, `there is no '${path}'`);
    }
  }
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'));
  for (const found of page.text.matchAll(/npm run ([\w:-]+)/g)) {
    if (!(found[1] in scripts)) fault(page, found.index, `package.json has no script '${found[1]}'`);
  }
  checkCommands(page);
}
checkCode();

for (const line of faults) console.error(line);
console.log(`${pages.length} pages, ${faults.length} faults`);
process.exitCode = faults.length > 0 ? 1 : 0;

/** A path from the root of the repository, wherever it is named: in prose, a table, a picture. */
function pathPattern() {
  return /(?<![\w./@-])(?:src|assembly|kernels|test|bench|docs|scripts|examples|\.ci)\/[\w.{},*/-]*[\w}*/]/g;
}

/** 'a/{b,c}.ts' -> ['a/b.ts', 'a/c.ts'] */
function expanded(path) {
  const braces = path.match(/^(.*?)\{([^}]*)\}(.*)$/);
  return braces ? braces[2].split(',').flatMap((part) => expanded(braces[1] + part.trim() + braces[3])) : [path];
}

/** Whether a path exists; '*' or NAME stands for any name, and must find one. */
function matches(path) {
  if (!path.includes('*')) return existsSync(path);
  const folder = dirname(path);
  const pattern = new RegExp(
    `^${path
      .slice(folder.length + 1)
      .replace(/\./g, '\\.')
      .replace(/\*+/g, '.*')}$`,
  );
  return existsSync(folder) && readdirSync(folder).some((name) => pattern.test(name));
}

/** `npx distillm COMMAND --flag ...`, continued lines included. */
function checkCommands(page) {
  for (const found of page.text.matchAll(/npx distillm ([a-z-]+)((?:[^\n`\\]|\\\n|\\.)*)/g)) {
    const help = helpOf(found[1]);
    if (help === undefined) fault(page, found.index, `there is no command 'distillm ${found[1]}'`);
    for (const [flag] of found[2].matchAll(/(?<=\s)--[a-z][\w-]*/g)) {
      if (help?.includes(`${flag} `) === false) fault(page, found.index, `'distillm ${found[1]}' has no ${flag}`);
    }
  }
}

/** What `distillm COMMAND --help` prints; undefined when there is no such command. */
function helpOf(command) {
  helpOf.known ??= new Map();
  if (!helpOf.known.has(command)) {
    const { stdout } = spawnSync(process.execPath, ['dist/cli.js', command, '--help'], { encoding: 'utf8' });
    const known = stdout.startsWith(`Usage: distillm ${command} `);
    helpOf.known.set(command, known ? `${stdout.replace(/\s+/g, ' ')} ` : undefined);
  }
  return helpOf.known.get(command);
}

/** Type-checks the `ts` blocks as a user's project would: nothing but the package and the standard library. */
function checkCode() {
  const modules = new Map();
  for (const page of pages) {
    const code = codeOf(page.text);
    if (code.trim() !== '') modules.set(join(process.cwd(), `${page.path}.ts`), code);
  }
  const options = {
    target: ts.ScriptTarget.ES2023,
    lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.esnext.disposable.d.ts'],
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    moduleDetection: ts.ModuleDetectionKind.Force,
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: true,
    noEmit: true,
    types: [],
  };
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists, getSourceFile } = host;
  host.fileExists = (path) => modules.has(path) || fileExists(path);
  host.readFile = (path) => modules.get(path) ?? readFile(path);
  host.getSourceFile = (path, ...rest) =>
    modules.has(path)
      ? ts.createSourceFile(path, modules.get(path), options.target)
      : getSourceFile.call(host, path, ...rest);
  const program = ts.createProgram([...modules.keys()], options, host);
  for (const path of modules.keys()) {
    for (const { start, messageText } of ts.getPreEmitDiagnostics(program, program.getSourceFile(path))) {
      const page = pages.find((each) => join(process.cwd(), `${each.path}.ts`) === path);
      const line = modules.get(path).slice(0, start).split('\n').length;
      faults.push(`${page.path}:${line}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`);
    }
  }
}
