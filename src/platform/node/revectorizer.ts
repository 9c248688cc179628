/** V8's flag that packs pairs of 128-bit WebAssembly vectors into 256-bit ones. It holds for the whole process. */
import { setFlagsFromString } from 'node:v8';
import type { Revectorizer } from '../workers.js';

const REVECTORIZE = '--experimental-wasm-revectorize';
/** The first V8 that packs our kernels (Node 24). Older ones lack the flag or pack nothing. */
const REVECTORIZING_V8 = 13;

export const revectorizer: Revectorizer | undefined =
  process.arch === 'x64' && Number.parseInt(process.versions.v8, 10) >= REVECTORIZING_V8
    ? {
        onFromStart: [...process.execArgv, ...(process.env.NODE_OPTIONS ?? '').split(' ')].includes(REVECTORIZE),
        set: (on) => setFlagsFromString(on ? REVECTORIZE : REVECTORIZE.replace('--', '--no-')),
      }
    : undefined;
