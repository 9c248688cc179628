/**
 * Whether a run that goes on is the run that it was: every setting and every fact of its models must be what the run
 * began with, but for those that leave its steps alone.
 */
import { CheckpointError } from '../../errors.js';
import type { TensorSource } from '../../io/index.js';
import type { Tensor } from '../../tensor/index.js';
import { changedSettings } from '../settings.js';

/**
 * @param folder of the run, for messages
 * @param derived words for settings that nobody gave
 * @throws CheckpointError naming each setting, and each fact of the models, that is not what the run began with
 */
export function requireSameRun(
  folder: string,
  began: object,
  goesOn: object,
  derived: ReadonlyMap<string, string>,
): void {
  const changed = changedSettings(began, goesOn);
  if (changed.length === 0) return;
  const words = (value: unknown) => (value === undefined ? 'absent' : JSON.stringify(value).replaceAll('"', ''));
  const list = changed
    .map(({ name, was, is }) => `${derived.get(name) ?? name} was ${words(was)} and is ${words(is)}`)
    .join('; ');
  const other = changed.find(({ name }) => name === 'arithmetic');
  const consent = other ? `, or give arithmetic '${other.is}' to go on with it (last bits then differ)` : '';
  const longer = changed.some(({ name }) => name === 'steps')
    ? ` A resumed run keeps its length, by which the schedule goes: to train longer, start anew from the model in ${folder}/last.`
    : '';
  throw new CheckpointError(
    `${folder}: the run began with other settings: ${list}. Resume with the same${consent}, or start anew in another ` +
      `folder.${longer}`,
    { found: goesOn, expected: began },
  );
}

/** @throws CheckpointError naming the first tensor that the source lacks or has in another shape */
export function requireShapes({ name: where, entries }: TensorSource, targets: Iterable<readonly [string, Tensor]>) {
  for (const [name, { shape }] of targets) {
    const found = entries.get(name)?.shape;
    if (found?.join() === shape.join()) continue;
    throw new CheckpointError(
      `${where}: '${name}' is ${found ? `[${found.join(', ')}]` : 'missing'}, expected [${shape.join(', ')}]. ` +
        'The run trained another student.',
      { found, expected: shape },
    );
  }
}
