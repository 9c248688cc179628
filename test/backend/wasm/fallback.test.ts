import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Device } from '../../../src/backend/backend.js';
import type { DeviceError } from '../../../src/errors.js';

/** What the self-check finds wrong in this test. */
const found = vi.hoisted(() => ({
  check: (_: { arithmetic: string; revectorized: boolean }): DeviceError | undefined => undefined,
}));
vi.mock('../../../src/backend/wasm/selfCheck.js', async (original) => ({
  ...(await original<typeof import('../../../src/backend/wasm/selfCheck.js')>()),
  selfCheck: (_: unknown, how: { arithmetic: string; revectorized: boolean }) => found.check(how),
}));
/** V8's packing, by which nothing here is compiled. */
vi.mock('#platform', async (original) => ({
  ...(await original<typeof import('#platform')>()),
  revectorizer: { onFromStart: false, set: () => {} },
}));

let openWasm: typeof import('../../../src/backend/wasm/index.js')['openWasm'];
let wrong: (message: string) => DeviceError;
const opened: Device[] = [];
const open = async (options: Parameters<typeof openWasm>[0]) => {
  const device = await openWasm({ threads: 1, ...options });
  opened.push(device);
  return device.info;
};
beforeEach(async () => {
  // What was found holds for the process.
  vi.resetModules();
  ({ openWasm } = await import('../../../src/backend/wasm/index.js'));
  const errors = await import('../../../src/errors.js');
  wrong = (message) => new errors.DeviceError(message);
  vi.spyOn(console, 'warn').mockImplementation(() => {});
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const device of opened.splice(0)) await device.dispose();
});

it('is plain where fused arithmetic fails the check, and says why', async () => {
  const why = 'Multiply-add rounds twice on this processor.';
  found.check = ({ arithmetic }) => (arithmetic === 'fused' ? wrong(why) : undefined);
  expect(await open({})).toMatchObject({ arithmetic: 'plain', plainBecause: why });
  await expect(openWasm({ arithmetic: 'fused' })).rejects.toThrow(`arithmetic: 'fused' is not to be had here. ${why}`);
  expect(console.warn).not.toHaveBeenCalled();
});

it('goes on with 128 bits where the packing fails it, in the same arithmetic', async () => {
  found.check = ({ revectorized }) => (revectorized ? wrong('Bits are wrong.') : undefined);
  expect(await open({ revectorize: true })).toMatchObject({ arithmetic: 'fused', revectorized: false });
  expect(console.warn).toHaveBeenCalledExactlyOnceWith('Bits are wrong. Going on with 128-bit vectors.');
});

it('refuses where plain arithmetic fails it too', async () => {
  found.check = ({ arithmetic }) => wrong(`${arithmetic} is wrong.`);
  await expect(openWasm({ threads: 1 })).rejects.toThrow('plain is wrong.');
});

it('checks a build once', async () => {
  let checks = 0;
  found.check = () => {
    checks++;
    return undefined;
  };
  for (let i = 0; i < 3; i++) await open({});
  expect(checks).toBe(1);
});
