/** Digests by Node's own library: of whole states and models, which JavaScript would take long to make. */
import { createHash } from 'node:crypto';
import type { Hash } from '../../blockHash.js';

const hashBy = (algorithm: 'sha1' | 'sha256') => (): Hash => {
  const hash = createHash(algorithm);
  return {
    update: (bytes) => void hash.update(bytes),
    digest: () => hash.digest('hex'),
  };
};

export const createSha1 = hashBy('sha1');
export const createSha256 = hashBy('sha256');
