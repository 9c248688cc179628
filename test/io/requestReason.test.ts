import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { httpStore } from '../../src/io/httpStore.js';
import { requestReason } from '../../src/io/requestReason.js';

const coded = (code: string, message = `connect ${code}`) => Object.assign(new Error(message), { code });
const failed = (cause: unknown) => new TypeError('fetch failed', { cause });

describe('why a request failed', () => {
  it.each<readonly [string, unknown, string]>([
    ['of one address', failed(coded('ECONNREFUSED')), 'no server listens at this address (ECONNREFUSED)'],
    ['of a name', failed(coded('ENOTFOUND', 'getaddrinfo ENOTFOUND')), 'there is no such host (ENOTFOUND)'],
    [
      'of several addresses',
      failed(new AggregateError([coded('ECONNREFUSED'), coded('ENETUNREACH')])),
      'no server listens at this address (ECONNREFUSED)',
    ],
    ['two causes deep', failed(new Error('', { cause: coded('ETIMEDOUT') })), 'the server does not answer (ETIMEDOUT)'],
    [
      'by its certificate',
      failed(coded('CERT_HAS_EXPIRED')),
      'the certificate of the server has expired (CERT_HAS_EXPIRED)',
    ],
    ['that is not known', failed(new Error('bad port')), 'bad port'],
    ...['Failed to fetch', 'NetworkError when attempting to fetch resource.', 'Load failed'].map(
      (said) =>
        [
          `in a page: ${said}`,
          new TypeError(said),
          `${said.replace(/\.$/, '')}; a browser tells no more: there is no network, the Content-Security-Policy does not ` +
            'name the host in connect-src, or its server does not allow pages of other origins (CORS)',
        ] as const,
    ),
    ['that is no error', 'stopped', 'stopped'],
  ])('%s', (_, error, expected) => expect(requestReason(error)).toBe(expected));

  it('does not follow a cycle', () => {
    const error = new Error('round');
    error.cause = error;
    expect(requestReason(error)).toBe('round');
  });

  it('is told of a server that is not there', async () => {
    const server = createServer();
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
    const { port } = server.address() as AddressInfo;
    await new Promise((closed) => server.close(closed));
    await expect(httpStore(`http://127.0.0.1:${port}/m`).read('config.json')).rejects.toThrow(
      `http://127.0.0.1:${port}/m/config.json: the request failed: no server listens at this address (ECONNREFUSED). Check ` +
        'the address and the network.',
    );
  });
});
