/**
 * A browser in a process of its own, on a profile that outlives it. Playwright's own pages are never hidden, for it emulates
 * their focus: `openDevtools` speaks to a browser without it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { browserFlags } from './page.js';

export interface OwnBrowser {
  /** Of its devtools: for Playwright, or for `openDevtools`. */
  readonly address: string;
  /** Ends its process by a signal, and waits for the end. */
  end(signal: NodeJS.Signals): Promise<void>;
}

export async function openOwnBrowser(path: string, profile: string): Promise<OwnBrowser> {
  const own = ['--remote-debugging-port=0', `--user-data-dir=${profile}`];
  const chrome: ChildProcess = spawn(path, [...browserFlags, ...own, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const gone = once(chrome, 'exit');
  const address = await new Promise<string>((resolve, reject) => {
    let told = '';
    chrome.stderr?.on('data', (text) => {
      told += text;
      const found = /DevTools listening on (ws:\S+)/.exec(told)?.[1];
      if (found) resolve(found);
    });
    chrome.once('exit', () => reject(new Error(told)));
  });
  return {
    address,
    async end(signal) {
      chrome.kill(signal);
      await gone;
    },
  };
}

/** Calls a method of the devtools, of the browser or, by its session, of a page. */
export type Send = (method: string, params?: object, session?: string) => Promise<Record<string, unknown>>;

export interface Devtools {
  readonly send: Send;
  close(): void;
}

export async function openDevtools(address: string): Promise<Devtools> {
  const socket = new WebSocket(address);
  await once(socket, 'open');
  const waiting = new Map<
    number,
    (answer: { result?: Record<string, unknown>; error?: { message: string } }) => void
  >();
  socket.onmessage = ({ data }) => {
    const { id, ...answer } = JSON.parse(data);
    waiting.get(id)?.(answer);
    waiting.delete(id);
  };
  let last = 0;
  const send: Send = (method, params = {}, sessionId) =>
    new Promise((resolve, reject) => {
      waiting.set(++last, ({ result, error }) => (result ? resolve(result) : reject(new Error(error?.message))));
      socket.send(JSON.stringify({ id: last, method, params, sessionId }));
    });
  return { send, close: () => socket.close() };
}
