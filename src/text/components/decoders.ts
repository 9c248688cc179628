/** Decoders: what makes text of tokens. */
import type { Stage } from './component.js';
import { byteFallback } from './decoders/byteFallback.js';
import { byteLevelDecoder } from './decoders/byteLevel.js';
import { fuse } from './decoders/fuse.js';
import { metaspaceDecoder } from './decoders/metaspace.js';
import { replaceDecoder } from './decoders/replace.js';
import { stripDecoder } from './decoders/strip.js';

export const decoders: Stage = {
  field: 'decoder',
  list: 'decoders',
  components: [byteLevelDecoder, metaspaceDecoder, replaceDecoder, byteFallback, fuse, stripDecoder],
};
