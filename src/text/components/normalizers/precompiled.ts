/** Precompiled: the charsmap of a SentencePiece model. */
import * as z from 'zod';
import { CheckpointError } from '../../../errors.js';
import { component } from '../component.js';

export const precompiled = component(
  'Precompiled',
  z.object({ precompiled_charsmap: z.string().transform(fromBase64) }),
  ({ precompiled_charsmap: charsmap }, where) =>
    (into) => {
      // Without a charsmap nothing changes.
      if (charsmap?.length === 0) return;
      const block = charsmap && into.bytes(charsmap);
      if (block && into.wasm.addPrecompiled(block.at, block.length)) return;
      throw new CheckpointError(`${where}: precompiled_charsmap is malformed. Download the file again.`);
    },
);

function fromBase64(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}
