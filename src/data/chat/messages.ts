/** Conversations: who said what and in which order, and what is wrong with a record that holds none. */
import { inWords, quoted } from '../../inWords.js';
import { isObject } from '../../io/json.js';
import { Problem } from '../jsonLine.js';

/** Who speaks. The system's message, where there is one, comes first; then user and assistant take turns. */
export type ChatRole = 'system' | 'user' | 'assistant';
const roles = ['system', 'user', 'assistant'] as const satisfies readonly ChatRole[];

/** One message of a conversation. */
export interface ChatMessage {
  /** Who speaks. */
  readonly role: ChatRole;
  /** What is said. Only the system's may be empty, which keeps a template from writing a message of its own there. */
  readonly content: string;
}

/** A conversation that is to be answered: its last message is the user's. */
export interface ChatPrompt {
  /** In their order, at least one. */
  readonly messages: readonly ChatMessage[];
}

/** A conversation with the answer that is learnt: its last message is the assistant's. */
export interface Conversation extends ChatPrompt {
  /** The answers that are compared with, the last message's first. */
  readonly outputs: readonly [string, ...string[]];
  /** Which of several teachers it is for, where a field of the record says so. */
  readonly teacher?: string;
}

/**
 * The messages of a list, of which only role and content are kept.
 * @param last who must speak last
 */
export function messagesOf(field: string, value: unknown, last: 'user' | 'assistant'): ChatMessage[] | Problem {
  if (!Array.isArray(value) || value.length === 0) {
    // A list in a text looks like a list.
    const found = typeof value === 'string' && /^\s*\[/.test(value) ? `the text ${quoted(value)}` : inWords(value);
    return new Problem(`: field '${field}' is ${found}, expected a list of messages, { role, content }`);
  }
  const messages: ChatMessage[] = [];
  for (const [index, message] of Array.from(value).entries()) {
    const checked = messageOf(`${field}[${index}]`, message);
    if (checked instanceof Problem) return checked;
    messages.push(checked);
  }
  return orderProblem(field, messages, last) ?? messages;
}

function messageOf(place: string, value: unknown): ChatMessage | Problem {
  const refuse = (what: string, found: unknown, expected: string) =>
    new Problem(`: ${place}${what} is ${inWords(found)}, expected ${expected}`);
  if (!isObject(value)) return refuse('', value, 'a message, { role, content }');
  const { role, content } = value;
  const known = roles.find((each) => each === role);
  if (known === undefined) {
    const tools = role === 'tool' || role === 'function' ? '. Tool calls are not supported' : '';
    return new Problem(`: ${place}.role is ${inWords(role)}, expected ${roles.join(', ')}${tools}`);
  }
  const calls = ['tool_calls', 'function_call'].find((name) => isFilled(value[name]));
  if (calls !== undefined) return new Problem(`: ${place} has ${calls}. Tool calls are not supported`);
  if (Array.isArray(content)) {
    return new Problem(`: ${place}.content is a list of parts, expected text. Join the text of its parts`);
  }
  if (typeof content !== 'string') return refuse('.content', content, 'text');
  if (content.trim() === '' && known !== 'system') return refuse('.content', '', 'text');
  return { role: known, content };
}

/** What a template would put into the prompt besides the messages: an answer would be learnt without what it was given for. */
export function unusedProblem(record: Readonly<Record<string, unknown>>): Problem | undefined {
  const tools = ['tools', 'functions'].find((name) => isFilled(record[name]));
  if (tools !== undefined) return new Problem(`: has ${tools}. Tool calls are not supported`);
  if (!Array.isArray(record.documents) || record.documents.length === 0) return undefined;
  return new Problem(': has documents beside its messages, which are not supported. Put their text into a message');
}

const isFilled = (value: unknown): boolean =>
  value !== undefined &&
  value !== null &&
  value !== '' &&
  value !== '[]' &&
  !(Array.isArray(value) && value.length === 0);

const whose: Readonly<Record<ChatRole, string>> = {
  system: "the system's",
  user: "the user's",
  assistant: "the assistant's",
};

/** What is wrong with the order of messages, if anything. */
function orderProblem(
  field: string,
  messages: readonly ChatMessage[],
  last: 'user' | 'assistant',
): Problem | undefined {
  const first = messages[0]?.role === 'system' ? 1 : 0;
  for (const [index, { role }] of messages.entries()) {
    const expected = index < first ? 'system' : (index - first) % 2 === 0 ? 'user' : 'assistant';
    if (role === expected) continue;
    const order = "expected the system's first, if any, then turns of user and assistant";
    return new Problem(`: ${field}[${index}] is ${whose[role]} where ${whose[expected]} is due, ${order}`);
  }
  if (messages.at(-1)?.role === last) return undefined;
  if (last === 'user')
    return new Problem(`: the last of '${field}' is no turn of the user, expected what is to be answered`);
  return new Problem(
    messages.some(({ role }) => role === 'assistant')
      ? `: the last of '${field}' is the user's, expected an answer of the assistant`
      : `: '${field}' has no turn of the assistant, expected an answer to learn`,
  );
}

/** A conversation whose answer is not there: its last message is the user's. */
export interface OpenConversation extends ChatPrompt {
  readonly outputs: readonly [];
  readonly teacher?: string;
}

/** Stands for an answer where a template is tried: one word, which no template has reason to change. */
export const someAnswer = 'Marzipan';

/** An instruction and its input as one message. */
export const spoken = ({
  instruction,
  input = '',
}: {
  readonly instruction: string;
  readonly input?: string;
}): string => (input === '' ? instruction : `${instruction}\n\n${input}`);

/** An instruction with its first answer as a conversation. */
export const turnsOf = (record: {
  readonly instruction: string;
  readonly input: string;
  readonly outputs: readonly [string, ...string[]];
}): [ChatMessage, ChatMessage] => [
  { role: 'user', content: spoken(record) },
  { role: 'assistant', content: record.outputs[0] },
];
