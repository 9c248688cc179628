// The order of WGSL files, for both bundlers. WGSL has no imports, so a file of kernels/ that needs others says so in
// the comment that it opens with, "Follows math.wgsl and reduce.wgsl.", and is handed out with those put before it,
// each once.
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** A file with all that it follows. */
export interface Shader {
  /** Files in the order in which they are put together, the file itself last. */
  readonly parts: readonly string[];
  readonly code: string;
}

/** Where WGSL lies: the kernels, and the constants that scripts/build-wasm.mjs writes. */
const wgslFolders = ['kernels', 'build'];

/** Comments are two fifths of the shaders, as they are sent to pages. Lines keep their numbers. */
const withoutComments = (text: string): string => text.replaceAll(/[ \t]*\/\/.*/g, '');

/**
 * One WGSL file behind those that it follows.
 * @throws Error when one of them is missing, or follows the file itself
 */
export async function resolveShader(file: string, folders: readonly string[] = wgslFolders): Promise<Shader> {
  return assemble(file, await findFiles(folders));
}

/** Every shader of the kernels by name: the files of the chapters, less their folders `shared`. */
export async function resolveShaders(): Promise<ReadonlyMap<string, Shader>> {
  const files = await findFiles(wgslFolders);
  const shaders = new Map<string, Shader>();
  for (const [name, file] of files) {
    if (file.startsWith('kernels/') && !file.includes('/shared/')) {
      shaders.set(basename(name, '.wgsl'), await assemble(file, files));
    }
  }
  return shaders;
}

/** Paths of all WGSL files by name. Names are unique, so that a file can be named without its folder. */
async function findFiles(folders: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  for (const folder of folders) {
    for (const path of (await readdir(folder, { recursive: true })).sort()) {
      if (!path.endsWith('.wgsl')) continue;
      const [name, file] = [basename(path), join(folder, path)];
      const other = files.get(name);
      if (other) throw new Error(`${file} and ${other} have one name, expected each name once. Rename one of them.`);
      files.set(name, file);
    }
  }
  return files;
}

async function assemble(file: string, files: ReadonlyMap<string, string>): Promise<Shader> {
  const texts = new Map<string, string>();
  const visit = async (path: string, from: readonly string[]): Promise<void> => {
    if (from.includes(path))
      throw new Error(`WGSL files follow each other in a circle: ${[...from, path].join(' -> ')}.`);
    if (texts.has(path)) return;
    const text = await readFile(path, 'utf8');
    for (const name of follows(text)) {
      const found = files.get(name);
      if (!found) {
        throw new Error(`${path} follows ${name}, which is not there. Known: ${[...files.keys()].join(', ')}.`);
      }
      await visit(found, [...from, path]);
    }
    texts.set(path, text);
  };
  await visit(file, []);
  return { parts: [...texts.keys()], code: [...texts.values()].map(withoutComments).join('') };
}

/** Names of the files that the opening comment says a text follows. */
function follows(text: string): string[] {
  const comment = (/^(?:\/\/.*\n)*/.exec(text) as RegExpExecArray)[0].replace(/\n\/\/ */g, ' ');
  const lists = [...comment.matchAll(/\bFollows ((?:\w+\.wgsl(?:, and |, | and )?)+)/g)];
  return lists.flatMap(([, list = '']) => list.match(/\w+\.wgsl/g) ?? []);
}

/** A module whose default export has the code of every shader by name; each part stands in it once. */
export async function shadersModule(): Promise<{ readonly source: string; readonly files: readonly string[] }> {
  const shaders = await resolveShaders();
  const files = [...new Set([...shaders.values()].flatMap(({ parts }) => parts))];
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')));
  const variables = new Map(files.map((file, index) => [file, `part${index}`]));
  const lines = texts.map((text, index) => `const part${index} = ${JSON.stringify(withoutComments(text))};`);
  const entries = [...shaders].map(
    ([name, { parts }]) => `${name}: ${parts.map((file) => variables.get(file)).join(' + ')}`,
  );
  return { source: `${lines.join('\n')}\nexport default { ${entries.join(',\n')} };\n`, files };
}
