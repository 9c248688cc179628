/**
 * One state of a run as a folder, from which the run can go on: an ordinary Hugging Face folder of the student, beside
 * it the rest of the state, and a manifest with the digest of every file. The folder is named by its step, written
 * aside and made visible by one rename; it never changes afterwards. A state whose bytes are not those that were
 * written is told from one that cannot be read: for the first the state before it may serve, the second is for people
 * to mend.
 */

import * as z from 'zod';
import { adapterWeights, manifestFile } from '../../checkpoints/index.js';
import { CheckpointError } from '../../errors.js';
import { short } from '../../inWords.js';
import type { FileStore } from '../../io/fileStore.js';
import { parseJson, readSmall } from '../../io/json.js';
import { decodeText } from '../../io/utf8.js';
import { parse, ranges } from '../../settings/index.js';
import { digestOfFile, writeHashed } from '../fileDigest.js';

/** Names the states of a run by their steps: 'state-000120'. */
export const stateName = (step: number): string => `state-${String(step).padStart(6, '0')}`;
/** Steps of the states among the folders of a run, the newest first. */
export const stepsOf = (folders: readonly string[]): number[] =>
  folders
    .flatMap((name) => {
      const step = Number(/^state-(\d{6,})$/.exec(name)?.[1] ?? Number.NaN);
      return stateName(step) === name ? [step] : [];
    })
    .sort((a, b) => b - a);

/** What a state has beside the model: the moments, the replay buffer, the position. */
export const stateFile = 'trainer-state.safetensors';
/** Whether a file of a state has the model, or the adapter that is trained in its place. */
export const isWeights = (file: string): boolean => file === 'model.safetensors' || file === adapterWeights;

const format = 'distillm state 3';
/** Names, never paths: a manifest from elsewhere must not reach out of its folder. */
const fileName = z.string().regex(/^[^/\\]+$/);
const manifest = z.object({
  format: z.literal(format),
  step: ranges.countOrZero,
  files: z.record(fileName, z.object({ bytes: ranges.countOrZero, sha256: z.string() })),
});
/** Size and digest of each file of a state, by its name; the manifest itself is not among them. */
export type StateFiles = z.output<typeof manifest>['files'];

/** A state that can be read and from which no run can go on: its content is not what was written, or is no good. */
export class UnusableState extends CheckpointError {}

/** What is wrong with a state: @param what begins with the file where it is one alone */
export const unusable = (state: FileStore, what: string, details: { found?: unknown; cause?: unknown } = {}) =>
  new UnusableState(`${state.name}${what}`, details);

/**
 * Writes a state, in place of one of the same step that is damaged or was given up.
 * @param fill writes its files, but for the manifest
 * @returns the names of its files, but for the manifest
 */
export async function writeState(
  run: FileStore,
  step: number,
  fill: (state: FileStore) => Promise<void>,
): Promise<string[]> {
  const files: StateFiles = {};
  await run.remove(stateName(step));
  await run.addFolder(stateName(step), async (aside) => {
    await fill({
      ...aside,
      async write(path, chunks) {
        files[path] = await writeHashed((hashed) => aside.write(path, hashed), chunks);
      },
    });
    const content: z.output<typeof manifest> = { format, step, files };
    await aside.write(manifestFile, [new TextEncoder().encode(`${JSON.stringify(content, null, 1)}\n`)]);
  });
  return Object.keys(files);
}

/**
 * Reads every byte of a state and compares it with the manifest.
 * @throws UnusableState; CheckpointError for what cannot be read
 */
export async function verifyState(state: FileStore, step: number): Promise<void> {
  const listing = await state.list();
  const requireThere = async (file: string) => {
    if (listing.files.includes(file)) return;
    if (listing.folders.includes(file)) {
      throw new CheckpointError(`${state.name}/${file} is a folder, expected a file. Put the file back.`);
    }
    // A link that leads nowhere is in neither list: asking for it says so.
    if (!(await state.exists(file))) throw unusable(state, `/${file}: the file is missing`);
  };
  await requireThere(manifestFile);
  for (const [file, { bytes, sha256 }] of Object.entries(await filesOf(state, step))) {
    await requireThere(file);
    const size = await state.size(file);
    if (size !== bytes) {
      throw unusable(state, `/${file}: the file has ${size} bytes, ${bytes} were written`, { found: size });
    }
    const digest = await digestOfFile(state, file, bytes);
    if (digest !== sha256) {
      throw unusable(state, `/${file}: its bytes are not those that were written (SHA-256 ${digest.slice(0, 12)})`, {
        found: digest,
      });
    }
  }
}

/**
 * What was written as the state, by its manifest.
 * @throws NothingThere where there is no manifest; UnusableState for what is none, or is of another step
 */
export async function filesOf(state: FileStore, step: number): Promise<StateFiles> {
  const found = await readManifest(state);
  if (found.step !== step) throw unusable(state, `/${manifestFile}: step is ${found.step}`, { found: found.step });
  return found.files;
}

async function readManifest(state: FileStore): Promise<z.output<typeof manifest>> {
  const bytes = await readSmall(state, manifestFile);
  const where = `${state.name}/${manifestFile}`;
  let json: unknown;
  try {
    json = parseJson(decodeText(bytes, where, 'JSON'), where);
  } catch (cause) {
    throw unusable(state, `/${manifestFile}: it is no JSON`, { cause });
  }
  return parse(manifest, json, ({ path, found }) =>
    unusable(state, `/${manifestFile}: ${path || 'it'} is ${short(JSON.stringify(found) ?? 'missing')}`, { found }),
  );
}
