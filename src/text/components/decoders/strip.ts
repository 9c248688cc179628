/** Strip: a character goes, up to some times, from the start and from the end of each token. */
import * as z from 'zod';
import { characterField, component } from '../component.js';

const count = z.int().min(0).default(0);

export const stripDecoder = component(
  'Strip',
  z.object({ content: characterField, start: count, stop: count }),
  ({ content, start, stop }) =>
    (into) => {
      const { at, length } = into.text(content);
      into.wasm.addStripDecoder(at, length, start, stop);
    },
);
