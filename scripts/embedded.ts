// What both bundlers make of the kernels' builds: `?file` is the address of a file beside the code and the digest of its bytes,
// `?deflated` the bytes themselves as text, with the digest.
import { readFile } from 'node:fs/promises';
import { deflateRawSync } from 'node:zlib';
import { fnv1a } from '../src/fnv1a.ts';

/** @param address an expression that gives the URL of the file */
export async function fileModule(path: string, address: string): Promise<string> {
  return `export default { file: () => ${address}, digest: ${fnv1a(await readFile(path))} };`;
}

export async function deflatedModule(path: string): Promise<string> {
  const bytes = await readFile(path);
  const text = deflateRawSync(bytes, { level: 9 }).toString('base64');
  return `export default { text: ${JSON.stringify(text)}, digest: ${fnv1a(bytes)} };`;
}
