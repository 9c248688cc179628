/**
 * Requests to a judge. What may pass by itself (a lost connection, too many requests, an overloaded server) is tried again,
 * and all requests wait as long as the server asks; whatever else it answers becomes an error that says what to do.
 */
import { formatBytes, JudgeError, rounded, whole } from '../errors.js';
import { isPlainObject, short } from '../inWords.js';
import { readBody } from '../io/body.js';
import { pause } from '../io/pause.js';
import { requestReason } from '../io/requestReason.js';
import { retryAfterMs } from '../io/retryAfter.js';
import type { WorkSignals } from './inParallel.js';
import type { JudgeSettings } from './options.js';
import type { JudgeMessage } from './prompt.js';

/** What a judge said, and what it took. */
export interface JudgeReply {
  readonly text: string;
  /** As the server counts them; 0 where it does not say. */
  readonly promptTokens: number;
  readonly completionTokens: number;
}

/** Milliseconds that a wait of our own lasts at most. */
const longestBackoff = 60_000;
/** A server that asks for more milliseconds than this is not waited for. */
const longestWish = 10 * 60_000;
/** Bytes of a reply. */
const largestReply = 2 ** 24;

/** A try that brought no reply. */
interface Failure {
  /** "the server answered 429 Too Many Requests" */
  readonly what: string;
  readonly found?: unknown;
  readonly cause?: unknown;
  /** What to do about it, where no further try will help. */
  readonly advice?: string;
  /** What the server asks for. */
  readonly waitMs?: number | undefined;
}

/** Asks a judge, by the rules of its settings: one for all questions. */
export function createRequests(settings: JudgeSettings) {
  const { endpoint, model, apiKey, request, attempts, backoffMs, timeoutMs } = settings;
  const url = endpoint.endsWith('/chat/completions') ? endpoint : `${endpoint}/chat/completions`;
  const headers = {
    'Content-Type': 'application/json',
    ...(apiKey !== undefined && { Authorization: `Bearer ${apiKey}` }),
  };
  /** A server may show what it got. */
  const hidden = (text: string) => (apiKey === undefined ? text : text.replaceAll(apiKey, '***'));
  const turn = createTurns(settings.requestsPerMinute);
  const refusal = ({ what, found, cause }: Failure, more: string) =>
    new JudgeError(`The judge ${model} at ${endpoint}: ${what}${more}`, { found, cause });

  async function tryOnce(messages: readonly JudgeMessage[], signal: AbortSignal): Promise<JudgeReply | Failure> {
    const limit = new AbortController();
    const stop = () => limit.abort();
    signal.throwIfAborted();
    signal.addEventListener('abort', stop, { once: true });
    const timer = setTimeout(stop, timeoutMs);
    const lost = (cause: unknown): Failure => {
      signal.throwIfAborted();
      if (limit.signal.aborted) return { what: `no answer came in ${rounded(timeoutMs / 1000)} s` };
      return { what: `it cannot be reached (${hidden(requestReason(cause))})`, cause };
    };
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers,
        body: JSON.stringify({ model, messages, ...request }),
        // A key goes nowhere else.
        redirect: 'manual',
        signal: limit.signal,
      });
      const tooLong = () =>
        new JudgeError(`The judge ${model} at ${endpoint}: a reply is longer than ${formatBytes(largestReply)}.`);
      const body = await readBody(response, { most: largestReply, tooLong, cut: (cause) => new CutOff('', { cause }) });
      const text = new TextDecoder().decode(body);
      return response.ok ? replyIn(text, hidden) : refusedBy(response, text, { hidden, hasKey: apiKey !== undefined });
    } catch (error) {
      if (error instanceof JudgeError) throw error;
      return lost(error instanceof CutOff ? error.cause : error);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    }
  }

  /** @throws JudgeError; what the signals are aborted with */
  return async (messages: readonly JudgeMessage[], { requests, waits }: WorkSignals): Promise<JudgeReply> => {
    for (let attempt = 1; ; attempt++) {
      await turn.next(waits);
      const outcome = await tryOnce(messages, requests);
      if ('text' in outcome) return outcome;
      if (outcome.advice !== undefined) throw refusal(outcome, `. ${outcome.advice}`);
      const { waitMs = 0 } = outcome;
      if (waitMs > longestWish) {
        throw refusal(outcome, `, and asks to wait for ${whole(waitMs / 60_000)} minutes. Go on then.`);
      }
      if (attempt === attempts) throw refusal(outcome, `, ${attempts} times. Try again later.`);
      turn.hold(waitMs);
      await pause(waitMs || Math.min(backoffMs * 2 ** (attempt - 1), longestBackoff), waits);
    }
  };
}

/** The connection was lost within a body: `cause` says how. */
class CutOff extends Error {}

/** When requests may begin: evenly spread over the minute, and none while the server asks to wait. */
function createTurns(perMinute: number | undefined) {
  const apartMs = perMinute === undefined ? 0 : 60_000 / perMinute;
  let nextAt = 0;
  return {
    async next(signal: AbortSignal): Promise<void> {
      for (;;) {
        const now = performance.now();
        if (now >= nextAt) {
          nextAt = now + apartMs;
          signal.throwIfAborted();
          return;
        }
        await pause(nextAt - now, signal);
      }
    },
    hold(ms: number): void {
      nextAt = Math.max(nextAt, performance.now() + ms);
    },
  };
}

/** The text of a chat completion, as OpenAI's servers and those that are compatible give it. */
function replyIn(text: string, hidden: (text: string) => string): JudgeReply | Failure {
  const advice = 'Check that the endpoint is that of an OpenAI-compatible server.';
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    return { what: `the answer is no JSON (${short(hidden(text))})`, cause, advice };
  }
  const { choices, usage } = Object(value) as { readonly choices?: unknown; readonly usage?: unknown };
  const { message } = Object(Array.isArray(choices) ? choices[0] : undefined) as { readonly message?: unknown };
  const { content } = Object(message) as { readonly content?: unknown };
  // null is the reply that a filter held back, or that was cut before it began.
  if (!isPlainObject(message) || !(typeof content === 'string' || content === null)) {
    const what = `the answer is ${short(hidden(text))}, expected a chat completion`;
    return { what, advice };
  }
  const { prompt_tokens, completion_tokens } = Object(usage) as Readonly<Record<string, unknown>>;
  const counted = (tokens: unknown) =>
    Number.isSafeInteger(tokens) && (tokens as number) >= 0 ? (tokens as number) : 0;
  return { text: content ?? '', promptTokens: counted(prompt_tokens), completionTokens: counted(completion_tokens) };
}

function refusedBy(
  { status, statusText, headers }: Response,
  body: string,
  { hidden, hasKey }: { readonly hidden: (text: string) => string; readonly hasKey: boolean },
): Failure {
  const { message, code } = errorIn(body);
  const said = short(hidden(message).trim());
  const what = `the server answered ${status}${statusText && ` ${statusText}`}${said && ` (${said})`}`;
  const failure = { what, found: status };
  // An account without money answers 429 for ever.
  const mayPass = status === 408 || status === 429 || status >= 500;
  if (mayPass && code !== 'insufficient_quota') return { ...failure, waitMs: retryAfterMs(headers) };
  return { ...failure, advice: adviceOn(status, hasKey) };
}

function adviceOn(status: number, hasKey: boolean): string {
  if (status === 401 || status === 403) return hasKey ? 'Check the key, and what it may do.' : 'Give a key.';
  if (status === 404) return "Check the endpoint and the model's name.";
  if (status === 400 || status === 422) return 'Check the model, and the fields of the request.';
  if (status === 429 || status === 402) return 'Check the credit of the account.';
  return 'Check the endpoint.';
}

/** What a server says of an error: { error: { message, code } }, a text, or anything else. */
function errorIn(body: string): { readonly message: string; readonly code: unknown } {
  try {
    const { error } = Object(JSON.parse(body)) as { readonly error?: unknown };
    const { message, code } = Object(error) as { readonly message?: unknown; readonly code?: unknown };
    return { message: typeof message === 'string' ? message : typeof error === 'string' ? error : body, code };
  } catch {
    return { message: body, code: undefined };
  }
}
