import { CheckpointError } from '../../errors.js';
import { didYouMean } from '../../requireOption.js';
import { adviceOfOther } from '../otherArchitectures.js';
import type { Architecture } from './architecture.js';
import { gemma3, llama, qwen2, qwen3 } from './gatedDecoders.js';
import { gpt2 } from './gpt2.js';
import type { Metadata } from './metadata.js';

/** `general.architecture` -> what is known of it. */
const architectures: Readonly<Record<string, Architecture>> = { gemma3, gpt2, llama, qwen2, qwen3 };

/** @throws CheckpointError when there is no such architecture, and for a file that holds an adapter or a vocabulary alone */
export function findArchitecture(metadata: Metadata): Architecture {
  const kind = metadata.text('general.type', 'model');
  if (kind !== 'model') {
    throw new CheckpointError(`${metadata.name}: the file holds a ${kind}, expected a model. Take another file.`, {
      found: kind,
      expected: 'model',
    });
  }
  const found = metadata.text('general.architecture');
  if (Object.hasOwn(architectures, found)) return architectures[found] as Architecture;
  const known = Object.keys(architectures);
  const advice = adviceOfOther(found) || didYouMean(found, known) || 'Take another model.';
  throw new CheckpointError(
    `${metadata.name}: general.architecture is '${found}', expected one of ${known.join(', ')}. ${advice}`,
    { found, expected: known },
  );
}
