import { createSha256 } from '#platform';
import type { Hash } from '../blockHash.js';
import type { Sample } from '../data/batch.js';

/**
 * SHA-256 of what a run reads of samples: prompt lengths, ids, loss masks, origins, keys, teachers, and the references where there are some.
 * Two lists have one digest only if they are the same. It is made in one turn of the event loop, so that it has to be fast.
 */
export function digestOf(samples: readonly (Sample & { readonly references?: readonly string[] })[]): string {
  const hash = gathered(createSha256());
  const encoder = new TextEncoder();
  // Each list is preceded by its length, so that no two lists of samples give the same bytes.
  const header = Int32Array.of(0, 0, 0);
  const lengths = (...numbers: number[]) => {
    header.set(numbers);
    hash.update(bytesOf(header.subarray(0, numbers.length)));
  };
  for (const { ids, promptLength, lossMask, origin = 'data', key = '', teacher, references = [] } of samples) {
    lengths(promptLength, ids.length, references.length);
    hash.update(bytesOf(ids));
    // No text has a length of -1, so a mask is not taken for what follows.
    if (lossMask) {
      lengths(-1, lossMask.length);
      hash.update(lossMask as Uint8Array<ArrayBuffer>);
    }
    // Nor of -2, so that data without teachers have the digest that they always had.
    if (teacher !== undefined) lengths(-2);
    for (const string of [origin, key, ...(teacher === undefined ? [] : [teacher]), ...references]) {
      const text = encoder.encode(string);
      lengths(text.length);
      hash.update(text);
    }
  }
  return hash.digest();
}

/** The digest of samples to train on: their references, which only validation compares with, do not count. */
export const trainingDigest = (samples: readonly Sample[]): string =>
  digestOf(samples.map((sample) => ({ ...sample, references: [] })));

/** Calls of a hash cost more than the few bytes that they add: these are collected. */
function gathered(hash: Hash): Hash {
  const buffer = new Uint8Array(65_536);
  let used = 0;
  const flush = () => {
    hash.update(buffer.subarray(0, used));
    used = 0;
  };
  return {
    update(bytes) {
      if (used + bytes.length > buffer.length) flush();
      if (bytes.length > buffer.length) hash.update(bytes);
      else {
        buffer.set(bytes, used);
        used += bytes.length;
      }
    },
    digest() {
      flush();
      return hash.digest();
    },
  };
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Int32Array) => new Uint8Array(buffer, byteOffset, byteLength);
