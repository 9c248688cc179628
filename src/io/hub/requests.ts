/**
 * Requests to Hugging Face. What may pass by itself (a lost connection, too many requests, an overloaded server) is
 * tried again; whatever else it answers becomes an error that says what to do.
 */
import { CheckpointError } from '../../errors.js';
import { pause } from '../pause.js';
import { requestReason } from '../requestReason.js';
import { retryAfterMs } from '../retryAfter.js';

/** How the hub is reached. */
export interface HubAccess {
  /** 'https://huggingface.co' */
  readonly endpoint: string;
  /** Sent to the endpoint alone: `fetch` drops it where a redirect leads to another host. */
  readonly token: string | undefined;
  readonly signal: AbortSignal | undefined;
  /** What sets these, for messages. */
  readonly settings: HubSettings;
}

/** What a user sets, as messages name it: variables of the environment, or options. */
export interface HubSettings {
  /** 'HF_ENDPOINT' */
  readonly endpoint: string;
  /** 'HF_TOKEN' */
  readonly token: string;
  /** 'HF_HUB_OFFLINE' */
  readonly offline: string;
  /** What turns it on: 'HF_HUB_OFFLINE=1' */
  readonly offlineOn: string;
}

/** Times that a request is made before its failure counts. */
const attempts = 4;
/** Longest that a server's wish to wait is followed, in ms. */
const longestWait = 60_000;

/**
 * A good answer: 200 or 206, or 416 where a range was asked for.
 * @param what names what is asked for, for messages
 * @throws CheckpointError; what the signal was aborted with
 */
export async function requestHub(
  access: HubAccess,
  path: string,
  what: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const { endpoint, token, signal, settings } = access;
  for (let attempt = 1; ; attempt++) {
    let response: Response;
    try {
      response = await fetch(`${endpoint}${path}`, {
        headers: { ...headers, ...(token !== undefined && { Authorization: `Bearer ${token}` }) },
        signal: signal ?? null,
      });
    } catch (cause) {
      signal?.throwIfAborted();
      if (attempt < attempts) {
        await pause(100 * 2 ** attempt, signal);
        continue;
      }
      throw new CheckpointError(
        `${what}: ${endpoint} cannot be reached (${requestReason(cause)}). Check the network; ${settings.offlineOn} takes what ` +
          'was downloaded before.',
        { cause },
      );
    }
    const { status, headers: answered } = response;
    if (response.ok || (status === 416 && headers.Range !== undefined)) return response;
    await response.body?.cancel().catch(() => {});
    const mayPass = status === 429 || status >= 500;
    if (!mayPass || attempt === attempts) throw refusal(response, what, access);
    await pause(Math.min(retryAfterMs(answered) ?? 200 * 2 ** attempt, longestWait), signal);
  }
}

function refusal(
  { status, statusText, headers }: Response,
  what: string,
  { token, settings }: HubAccess,
): CheckpointError {
  const hasToken = token !== undefined;
  const code = headers.get('X-Error-Code');
  const details = { found: status };
  const answer = `the hub answered ${status}${statusText && ` ${statusText}`}`;
  if (status === 401 || (status === 404 && code === 'RepoNotFound')) {
    const advice = hasToken
      ? `Check the name, and what the token of ${settings.token} may read.`
      : `Check the name; a closed model needs a token in ${settings.token}.`;
    return new CheckpointError(`${what}: there is no such model, or it is closed (${answer}). ${advice}`, details);
  }
  if (status === 403) {
    return new CheckpointError(
      `${what}: the model is closed (${answer}). Ask for access on its page, and set ${settings.token} to a token of yours.`,
      details,
    );
  }
  if (status === 404) {
    const kind = code === 'RevisionNotFound' ? 'revision' : 'model or file';
    return new CheckpointError(`${what}: there is no such ${kind} (${answer}). Check the name.`, details);
  }
  if (status === 429) {
    const advice = hasToken
      ? 'Try again later.'
      : `Try again later; with a token in ${settings.token} more are allowed.`;
    return new CheckpointError(`${what}: too many requests (${answer}, ${attempts} times). ${advice}`, details);
  }
  const times = status >= 500 ? `, ${attempts} times` : '';
  return new CheckpointError(`${what}: ${answer}${times}, expected 200. Try again later.`, details);
}
