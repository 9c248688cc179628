/** What `createJudge` takes, and what it refuses. */
import * as z from 'zod';
import { OptionError } from '../errors.js';
import { refusedOption } from '../requireOption.js';
import { checkOptions, type Fields, instance, ranges, signalOption } from '../settings/index.js';

/** Which model judges, and how it is asked. */
export interface JudgeOptions {
  /**
   * Where an OpenAI-compatible server is, 'https://api.openai.com/v1' or 'http://localhost:8080/v1': questions go to
   * `/chat/completions` there.
   */
  readonly endpoint: string;
  /** The model's name on that server. */
  readonly model: string;
  /** Sent to the endpoint alone, and shown nowhere: messages of the server have stars in its place. Default: none. */
  readonly apiKey?: string | undefined;
  /**
   * Fields of each request besides model and messages. Default `{ temperature: 0, max_tokens: 512 }`; what is given takes its
   * place, `{ max_completion_tokens: 2000 }` for models that refuse these.
   */
  readonly request?: Readonly<Record<string, unknown>> | undefined;
  /** Requests that begin within a minute, evenly spread. Default: as many as come. */
  readonly requestsPerMinute?: number | undefined;
  /** Requests under way at a time. Default 4. */
  readonly concurrency?: number | undefined;
  /** Times that a question is asked where the server is overloaded or does not answer. Default 6. */
  readonly attempts?: number | undefined;
  /**
   * Milliseconds before the second of these, twice as many before each further one, up to a minute. Default 1,000. Where the
   * server says how long (Retry-After), that long.
   */
  readonly backoffMs?: number | undefined;
  /** Milliseconds after which a request that is not answered has failed. Default 60,000. */
  readonly timeoutMs?: number | undefined;
  /** Where replies are kept, so that no question is paid for twice. Default: nowhere. */
  readonly cache?: JudgeCache | undefined;
  /** Dollars for a million tokens, for estimates. Default: not known. */
  readonly price?:
    | {
        /** Of requests. */
        readonly input: number;
        /** Of replies. */
        readonly output: number;
      }
    | undefined;
  /** Ends what is under way. */
  readonly signal?: AbortSignal | undefined;
}

/** Texts by keys of 64 hexadecimal digits: a Map of strings is one. */
export interface JudgeCache {
  /** undefined where the key is not there. */
  get(key: string): string | undefined | Promise<string | undefined>;
  /** The text is kept when this is done. */
  set(key: string, text: string): unknown;
}

const judgeOptions = z.strictObject({
  endpoint: ranges.text,
  model: ranges.text,
  apiKey: z.string('a key').optional(),
  request: z
    .record(z.string(), z.unknown(), "an object of the request's fields")
    .default({ temperature: 0, max_tokens: 512 }),
  requestsPerMinute: ranges.positive.optional(),
  concurrency: ranges.count.default(4),
  attempts: ranges.count.default(6),
  backoffMs: ranges.notNegative.default(1000),
  timeoutMs: ranges.integer(1, 2 ** 31 - 1).default(60_000),
  cache: instance<JudgeCache>('a cache with get and set, such as a Map', 'get', 'set').optional(),
  price: z.strictObject({ input: ranges.notNegative, output: ranges.notNegative }).optional(),
  signal: signalOption.optional(),
} satisfies Fields<JudgeOptions>);

/** The options with their defaults. */
export type JudgeSettings = z.output<typeof judgeOptions>;

/** Fields of a request that are not the caller's. */
const own = ['model', 'messages', 'stream', 'n'];

/** @throws OptionError */
export function checkJudge(options: unknown): JudgeSettings {
  const where = 'createJudge';
  const checked = checkOptions(where, judgeOptions, options);
  const { endpoint, apiKey, request } = checked;
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw refusedOption(where, 'endpoint', endpoint, "a URL, as in 'https://api.openai.com/v1'");
  }
  if (url.username !== '' || url.password !== '' || url.search !== '') {
    throw new OptionError(
      `${where}: endpoint has more than an address: a name, a password or a question mark. Give a key as apiKey.`,
      { option: 'endpoint' },
    );
  }
  // What is wrong with a key is told without it.
  if (apiKey !== undefined && !/^[\x21-\x7e]+$/.test(apiKey)) {
    throw new OptionError(
      `${where}: apiKey is empty, or has spaces or letters that no header can hold. Check where it comes from.`,
      { option: 'apiKey' },
    );
  }
  if (apiKey !== undefined && url.protocol === 'http:' && !isLocal(url.hostname)) {
    throw new OptionError(
      `${where}: endpoint is ${endpoint}, and apiKey would go there unencrypted. Take https, or give no key.`,
      { option: 'endpoint', found: endpoint },
    );
  }
  const taken = own.find((name) => Object.hasOwn(request, name));
  if (taken !== undefined) {
    throw refusedOption(where, `request.${taken}`, request[taken], 'none: the judge sets it itself');
  }
  if (!isJson(request)) throw refusedOption(where, 'request', request, 'what JSON can hold');
  return { ...checked, endpoint: endpoint.replace(/\/+$/, '') };
}

const isLocal = (host: string): boolean => host === 'localhost' || host === '[::1]' || /^127(?:\.\d+){3}$/.test(host);

function isJson(value: unknown): boolean {
  try {
    return JSON.stringify(value) !== undefined;
  } catch {
    return false;
  }
}
