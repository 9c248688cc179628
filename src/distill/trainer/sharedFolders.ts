/**
 * The two models of a run that people take: `best/` and `last/`, Hugging Face folders that share the files of a state. A
 * state comes first and is shared afterwards. A run that ends in between, by a kill or a full disk, leaves them one
 * state behind, or missing: who goes on with the run compares them with their states, and shares those again.
 */
import type { FileStore } from '../../io/index.js';
import { writtenAs } from '../fileDigest.js';
import type { CheckpointEvent } from './events.js';
import { filesOf, isWeights, type StateFiles, stateFile, stateName, verifyState } from './stateFolder.js';

type Kind = CheckpointEvent['kind'];

/** Gives the files of a state to best/ or last/. @param names files of the state, but for its manifest */
export async function shareState(run: FileStore, kind: Kind, step: number, names: readonly string[]): Promise<void> {
  await run.share(stateName(step), kind, sharedNames(kind, names));
}

/**
 * Shares a state again where best/ or last/ does not hold it. Texts, which people may have edited, only have to be there.
 * @returns whether that was needed
 * @throws NothingThere, UnusableState where the state is gone or is not what was written: nothing is shared then
 */
export async function shareAgain(run: FileStore, kind: Kind, step: number): Promise<boolean> {
  const state = run.folder(stateName(step));
  const files = await filesOf(state, step);
  const names = Object.keys(files);
  if (await holds({ state, files, shared: run.folder(kind) }, sharedNames(kind, names))) return false;
  await verifyState(state, step);
  await shareState(run, kind, step, names);
  return true;
}

/** Weights come last: whoever finds new ones finds all that belongs to them. */
function sharedNames(kind: Kind, names: readonly string[]): string[] {
  const wanted = kind === 'last' ? names : names.filter((name) => name !== stateFile);
  return [...wanted.filter((name) => !isWeights(name)), ...wanted.filter(isWeights)];
}

interface Compared {
  readonly state: FileStore;
  readonly files: StateFiles;
  readonly shared: FileStore;
}

async function holds({ state, files, shared }: Compared, names: readonly string[]): Promise<boolean> {
  for (const name of names) {
    if (!(await shared.exists(name))) return false;
    if (!isWeights(name) && name !== stateFile) continue;
    // A second name of the same file needs no look at its bytes.
    const isSame = (await state.exists(name)) && (await shared.stamp(name)) === (await state.stamp(name));
    if (isSame && (await shared.stamp(name)) !== '') continue;
    const written = files[name];
    if (!written || !(await writtenAs(shared, name, written))) return false;
  }
  return true;
}
