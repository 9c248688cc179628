/** Turns of the event loop where there is no setImmediate: in browsers. */
import { afterEach, expect, it, vi } from 'vitest';

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

it('come behind what waits, in order, and without timers, which pages that nobody sees have once a second', async () => {
  const { setTimeout: timer } = globalThis;
  vi.stubGlobal('setImmediate', undefined);
  vi.stubGlobal('setTimeout', () => {
    throw new Error('a timer');
  });
  vi.resetModules();
  const { giveTurn, inNextTurn } = await import('../src/eventLoop.js');
  const { port1, port2 } = new MessageChannel();
  const heard: string[] = [];
  const both = new Promise<void>((resolve) => {
    port1.onmessage = ({ data }) => heard.push(data);
    port2.postMessage('message');
    inNextTurn(() => heard.push('one'));
    inNextTurn(() => resolve(void heard.push('two')));
  });
  heard.push('now');
  await both;
  expect(heard).toEqual(['now', 'message', 'one', 'two']);
  await giveTurn();
  port1.close();
  expect(timer).toBeTypeOf('function');
});
