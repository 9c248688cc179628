/** A server that plays a judge: chat completions as OpenAI's have them, and whatever goes wrong. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request, as it came. */
export interface AskedJudge {
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: {
    readonly model: string;
    readonly messages: readonly { readonly role: string; readonly content: string }[];
  } & Readonly<Record<string, unknown>>;
  /** performance.now() */
  readonly at: number;
}

export interface PlayedJudge {
  /** Of its v1. */
  readonly endpoint: string;
  readonly asked: AskedJudge[];
  /** Most requests that were open at a time. */
  mostOpen(): number;
  close(): Promise<void>;
}

/** The two answers that a question shows. */
export const answersIn = ({ body }: AskedJudge): [first: string, second: string] => {
  const question = body.messages.at(-1)?.content ?? '';
  const shown = [1, 2].map((place) => {
    const name = `Assistant ${place}'s Answer\\]`;
    return new RegExp(`\\[The Start of ${name}\\n(.*?)\\n\\n\\[The End of ${name}`, 's').exec(question)?.[1] ?? '';
  });
  return shown as [string, string];
};

/** Longer answers are better: 1 for each letter, up to 10. */
export const byLength = (asked: AskedJudge): string =>
  `${answersIn(asked)
    .map((answer) => Math.min(10, Math.max(1, answer.length)))
    .join(' ')}\nBoth are short.`;

/**
 * @param reply of a question; the default is `byLength`
 * @param first answers before all else; false: it has not
 */
export async function playJudge({
  reply = byLength,
  first = () => false,
  delayMs = 0,
}: {
  readonly reply?: (asked: AskedJudge, number: number) => string | null;
  readonly first?: (response: ServerResponse, asked: AskedJudge, number: number) => boolean;
  readonly delayMs?: number;
} = {}): Promise<PlayedJudge> {
  const asked: AskedJudge[] = [];
  let [open, most] = [0, 0];
  const server = createServer(async (request, response) => {
    most = Math.max(most, ++open);
    response.once('close', () => open--);
    let text = '';
    for await (const chunk of request) text += chunk;
    const one = { url: request.url ?? '', headers: request.headers, body: JSON.parse(text), at: performance.now() };
    const number = asked.push(one);
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    if (first(response, one, number)) return;
    const content = reply(one, number);
    response.setHeader('Content-Type', 'application/json');
    response.end(
      JSON.stringify({
        choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content } }],
        usage: { prompt_tokens: 100, completion_tokens: 20 },
      }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}/v1`,
    asked,
    mostOpen: () => most,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** Answers with a status and OpenAI's form of an error. */
export function refuse(
  response: ServerResponse,
  status: number,
  {
    message = 'no',
    code = null,
    headers = {},
  }: { message?: string; code?: string | null; headers?: Record<string, string> } = {},
): true {
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
  response.end(JSON.stringify({ error: { message, code, type: 'error' } }));
  return true;
}
