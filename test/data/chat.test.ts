/** Conversations: what transformers makes of the templates of many families, what is learnt of them, and what is refused. */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { createChatTemplate } from '../../src/data/chat/chatTemplate.js';
import { learntHeader } from '../../src/data/chat/learntHeader.js';
import { encodePrompt } from '../../src/data/encodePrompt.js';
import {
  type ChatMessage,
  readInstructions,
  readPrompts,
  readTokenizerTexts,
  recordKind,
} from '../../src/data/index.js';
import { DataError, OptionError } from '../../src/errors.js';
import { createTokenizer, type Tokenizer, tokenizerFromFiles } from '../../src/text/index.js';
import { smallTokenizer } from './helpers.js';

interface Case {
  readonly family: string;
  readonly tokenizer: string;
  readonly bos: string | null;
  readonly eos: string;
  readonly messages: readonly ChatMessage[];
  readonly addGenerationPrompt: boolean;
  readonly text: string;
  readonly ids: readonly number[];
  readonly mask?: readonly number[];
}

const oracles = new URL('../oracles/chat/', import.meta.url);
const text = (name: string) => readFile(new URL(name, oracles), 'utf8');
const cases: readonly Case[] = JSON.parse(await text('cases.json'));
const families = [...new Set(cases.map(({ family }) => family))];
const files = new Map<string, string>();
for (const name of ['byteLevel', 'sentencePiece']) files.set(name, await text(`${name}.json`));
const templates = new Map<string, string>();
for (const family of families) templates.set(family, await text(`templates/${family}.jinja`));

const tokenizers = new Map<string, Tokenizer>();
function tokenizerOf(family: string, chat_template: unknown = templates.get(family)): Tokenizer {
  const key = `${family} ${JSON.stringify(chat_template)}`;
  const known = tokenizers.get(key);
  if (known) return known;
  const { tokenizer, bos, eos } = cases.find((each) => each.family === family) as Case;
  const made = createTokenizer({
    tokenizerJson: files.get(tokenizer) as string,
    specialTokens: { ...(bos !== null && { bos }), eos },
    config: { chat_template },
  });
  tokenizers.set(key, made);
  return made;
}
const lengths = { maxPromptLength: 400, maxLength: 800 };
const user = (content: string) => ({ role: 'user', content }) as const;
const assistant = (content: string) => ({ role: 'assistant', content }) as const;
const system = (content: string) => ({ role: 'system', content }) as const;
const readOne = async (tokenizer: Tokenizer, messages: readonly ChatMessage[], options = {}) => {
  const template = createChatTemplate(tokenizer);
  const { train } = await readInstructions([{ messages }], { tokenizer, template, ...lengths, ...options });
  return train[0]!;
};

describe.each(families)('the template %s', (family) => {
  const tokenizer = tokenizerOf(family);
  const template = createChatTemplate(tokenizer);
  const own = cases.filter((each) => each.family === family);

  it("gives the texts of transformers' apply_chat_template", () => {
    for (const { messages, addGenerationPrompt, text } of own) {
      expect(template.renderChat(messages, { addGenerationPrompt }).text).toBe(text);
    }
  });

  it('gives its ids for prompts, BOS once', () => {
    for (const { messages, ids } of own.filter((each) => each.addGenerationPrompt)) {
      expect([...encodePrompt({ messages }, { tokenizer, template })]).toEqual(ids);
    }
  });

  it('learns the tokens of the assistant, the end of the turn included', async () => {
    for (const { messages, ids, mask } of own.filter((each) => !each.addGenerationPrompt)) {
      const sample = await readOne(tokenizer, messages);
      // What stands after the end of the turn is left out.
      expect([...sample.ids]).toEqual(ids.slice(0, sample.ids.length));
      const prompt = encodePrompt({ messages: messages.slice(0, -1) }, { tokenizer, template });
      expect([...sample.ids.subarray(0, sample.promptLength)]).toEqual([...prompt]);
      expect(tokenizer.idToToken(sample.ids.at(-1)!)).toMatch(/^(<\|im_end\|>|<\/s>|<\|eot_id\|>|<end_of_turn>)$/);
      const answer = tokenizer.decode(sample.ids.subarray(sample.promptLength, -1));
      expect(answer).toContain(
        messages
          .at(-1)!
          .content.replace(/^<think>.*<\/think>/s, '')
          .trim(),
      );
      const learnt = Array.from(sample.ids, (_, at) =>
        sample.lossMask ? sample.lossMask[at] : +(at >= sample.promptLength),
      );
      if (mask) {
        expect(learnt).toEqual(mask.slice(0, learnt.length));
        expect(mask.slice(learnt.length)).not.toContain(1);
      } else expect(sample.lossMask).toBeUndefined();
      expect(sample).toMatchObject({ instruction: messages.at(-2)!.content, references: [messages.at(-1)!.content] });
    }
  });
});

it('learns every turn that a template marks', async () => {
  const tokenizer = tokenizerOf('tagged');
  const messages = [user('a'), assistant('b c'), user('d'), assistant('e')];
  const { ids, lossMask, promptLength } = await readOne(tokenizer, messages);
  const counted = tokenizer.decode(ids.filter((_, at) => lossMask![at] === 1));
  expect(counted).toBe('b c<|im_end|>e<|im_end|>');
  expect(tokenizer.decode(ids.subarray(promptLength))).toBe('e<|im_end|>');
  // One turn needs no mask.
  expect((await readOne(tokenizer, messages.slice(0, 2))).lossMask).toBeUndefined();
});

it('takes an instruction as a conversation of one question, with its input below', async () => {
  const tokenizer = tokenizerOf('tagged');
  const template = createChatTemplate(tokenizer);
  const { train } = await readInstructions([{ instruction: 'Add.', input: '1 2', output: ['3', 'three'] }], {
    ...{ tokenizer, template },
  });
  expect(tokenizer.decode(train[0]!.ids)).toBe(
    '<|im_start|>user\nAdd.\n\n1 2<|im_end|>\n<|im_start|>assistant\n3<|im_end|>',
  );
  expect(train[0]).toMatchObject({ instruction: 'Add.', input: '1 2', references: ['3', 'three'] });
  expect(template.render({ instruction: 'Hi' })).toBe('<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n');
});

it('appends EOS where a template ends no turn', async () => {
  const plain =
    "{% for m in messages %}{{ m.role + ': ' + m.content + '\n' }}{% endfor %}{{ 'assistant: ' if add_generation_prompt }}";
  const tokenizer = tokenizerOf('smollm2', plain);
  const { ids } = await readOne(tokenizer, [user('a'), assistant('b')]);
  expect(tokenizer.decode(ids)).toBe('user: a\nassistant: b\n<|im_end|>');
});

describe('a field of a conversation that names its teacher', () => {
  it('goes with the sample', async () => {
    const tokenizer = tokenizerOf(families[0] as string);
    const how = { tokenizer, template: createChatTemplate(tokenizer), ...lengths };
    const teachers = { field: 'by', names: ['a', 'b'] };
    const records = ['a', 'b'].map((by) => ({ by, messages: [user('Hi.'), assistant('Hello.')] }));
    const { train } = await readInstructions(records, { ...how, teachers });
    expect(train.map(({ teacher }) => teacher)).toEqual(['a', 'b']);
    // So it is with one that only asks.
    const asking = await readInstructions([{ by: 'b', messages: [user('Hi.')] }], {
      ...how,
      teachers,
      answers: 'optional',
    });
    const { promptLength, ids } = train[0]!;
    expect(asking.train[0]).toMatchObject({ teacher: 'b', instruction: 'Hi.', promptLength, outputs: [] });
    expect([...asking.train[0]!.ids]).toEqual([...ids.subarray(0, promptLength)]);
  });
});

describe('special tokens that a message spells out', () => {
  it.each(['smollm2', 'llama32', 'zephyr'])('are text, and end no turn: %s', async (family) => {
    const tokenizer = tokenizerOf(family);
    const [end] = [tokenizer.eosTokenIds[0]!];
    const spelt = tokenizer.idToToken(end)!;
    const messages = [user(`a ${spelt} b`), assistant(`say ${spelt}${spelt} c`)];
    const { ids, promptLength, prompt } = await readOne(tokenizer, messages);
    const harmless = await readOne(tokenizer, [user('a x b'), assistant('say xx c')]);
    const count = (all: Int32Array) => all.filter((id) => id === end).length;
    expect(count(ids)).toBe(count(harmless.ids));
    expect(prompt).toContain(`a ${spelt} b`);
    expect(tokenizer.decode(ids.subarray(promptLength))).toContain(`say ${spelt}${spelt} c`);
    // Spelt or not, the rest has the ids that it has.
    expect([...ids.subarray(-2)]).toEqual([...harmless.ids.subarray(-2)]);
  });

  it('are text beside characters for private use, too', async () => {
    const tokenizer = tokenizerOf('tagged');
    const content = '\uf8ff<|im_end|>\uf8fe';
    const { ids } = await readOne(tokenizer, [user(content), assistant('b')]);
    expect(tokenizer.decode(ids)).toContain(content);
    const all = Array.from({ length: 0xf900 - 0xe000 }, (_, at) => String.fromCharCode(0xe000 + at)).join('');
    await expect(
      readOne(tokenizer, [user(all), assistant('b')], { maxPromptLength: 1e6, maxLength: 1e7 }),
    ).rejects.toThrow(/every character for private use/);
  });
});

describe('prompts that are too long', () => {
  const tokenizer = tokenizerOf('tagged');
  const turns = [
    system('Be kind.'),
    ...Array.from({ length: 9 }, (_, at) => [user(`one ${at}`), assistant(`two ${at}`)]).flat(),
  ];

  it('lose their oldest turns, and then the end of the question; what the system says stays', async () => {
    const whole = await readOne(tokenizer, turns);
    expect([whole.promptCut, whole.responseCut]).toEqual([false, false]);
    const short = await readOne(tokenizer, turns, { maxPromptLength: 90 });
    expect(short.promptCut).toBe(true);
    expect(short.promptLength).toBeLessThanOrEqual(90);
    expect(short.prompt).toMatch(
      /^<\|im_start\|>system\nBe kind\.<\|im_end\|>\n<\|im_start\|>user\none [5-7]<\|im_end\|>/,
    );
    expect(short.prompt).toMatch(/one 8<\|im_end\|>\n<\|im_start\|>assistant\n$/);
    const long = [system('Be kind.'), user(`First. ${'word '.repeat(200)}`), assistant('two')];
    const cut = await readOne(tokenizer, long, { maxPromptLength: 60 });
    expect(cut.prompt).toMatch(/user\nFirst\. word .*word<\|im_end\|>\n<\|im_start\|>assistant\n$/);
    expect(tokenizer.decode(cut.ids.subarray(cut.promptLength))).toBe('two<|im_end|>');
    await expect(readOne(tokenizer, long, { maxPromptLength: 10 })).rejects.toThrow(
      /line 1|record 1: The chat template alone, with the system's message .* maxPromptLength is 10\. Raise it/,
    );
  });

  it('and answers that are too long lose their end', async () => {
    const messages = [user('a'), assistant('word '.repeat(100).trim())];
    const { ids, responseCut } = await readOne(tokenizer, messages, { maxPromptLength: 20, maxLength: 40 });
    expect([ids.length, responseCut]).toEqual([40, true]);
  });
});

describe('the empty message of the system', () => {
  it('is there where a template writes one of its own when there is none', async () => {
    const tokenizer = tokenizerOf('smollm2');
    const turns = [user('a'), assistant('b')];
    expect((await readOne(tokenizer, turns)).prompt).toMatch(/^<\|im_start\|>system\nYou are a helpful/);
    const empty = await readOne(tokenizer, [system(''), ...turns]);
    expect(empty.prompt).toMatch(/^<\|im_start\|>system\n<\|im_end\|>\n<\|im_start\|>user\na/);
    const asked = encodePrompt({ messages: [system(''), user('a')] }, { tokenizer });
    expect([...asked]).toEqual([...empty.ids.subarray(0, empty.promptLength)]);
  });
});

describe('records', () => {
  const tokenizer = tokenizerOf('gemma3');
  const template = createChatTemplate(tokenizer);
  const fine = { messages: [user('a'), assistant('b')] };
  const failure = (...records: unknown[]) =>
    readInstructions(
      { text: records.map((each) => JSON.stringify(each)).join('\n'), name: 'c.jsonl' },
      { tokenizer, template },
    ).then(
      () => expect.unreachable(),
      (error: unknown) => error as DataError,
    );

  it.each<[string, unknown, RegExp]>([
    ['no list', { messages: 'a' }, /line 2: field 'messages' is a, expected a list of messages, \{ role, content \}/],
    ['no message', { messages: [] }, /line 2: field 'messages' is \[\], expected a list of messages/],
    [
      'a text for a message',
      { messages: ['a'] },
      /line 2: messages\[0\] is a, expected a message, \{ role, content \}/,
    ],
    [
      'no turn of the assistant',
      { messages: [user('a')] },
      /line 2: 'messages' has no turn of the assistant, expected an answer/,
    ],
    [
      'a question at the end',
      { messages: [user('a'), assistant('b'), user('c')] },
      /line 2: the last of 'messages' is the user's, expected an answer of the assistant/,
    ],
    [
      'two questions in a row',
      { messages: [user('a'), user('b'), assistant('c')] },
      /line 2: messages\[1\] is the user's where the assistant's is due, expected the system's first, if any, then turns/,
    ],
    [
      'an answer first',
      { messages: [assistant('a'), user('b'), assistant('c')] },
      /line 2: messages\[0\] is the assistant's where the user's is due/,
    ],
    [
      'a late system',
      { messages: [user('a'), system('b'), assistant('c')] },
      /line 2: messages\[1\] is the system's where the assistant's is due/,
    ],
    [
      'an empty content',
      { messages: [user(' \n'), assistant('c')] },
      /line 2: messages\[0\]\.content is empty, expected text/,
    ],
    [
      'no content',
      { messages: [{ role: 'user' }, assistant('c')] },
      /line 2: messages\[0\]\.content is undefined, expected text/,
    ],
    [
      'a list for a content',
      { messages: [{ role: 'user', content: [{ type: 'text', text: 'a' }] }, assistant('c')] },
      /line 2: messages\[0\]\.content is a list of parts, expected text\. Join the text/,
    ],
    [
      'a tool',
      { messages: [user('a'), { role: 'tool', content: 'x' }, assistant('c')] },
      /line 2: messages\[1\]\.role is tool, expected system, user, assistant\. Tool calls are not supported/,
    ],
    [
      'a call of a tool',
      { messages: [user('a'), { ...assistant('b'), tool_calls: [{ name: 'f' }] }] },
      /line 2: messages\[1\] has tool_calls\. Tool calls are not supported/,
    ],
    [
      'messages as a text',
      { messages: '[{"role": "user"}]' },
      /line 2: field 'messages' is the text "\[\{\\"role\\": \\"user\\"\}\]", expected a list of messages, \{ role, content \}/,
    ],
    [
      'tools that may be called',
      { messages: [user('a'), assistant('b')], tools: [{ type: 'function', function: { name: 'f' } }] },
      /line 2: has tools\. Tool calls are not supported/,
    ],
    [
      'tools as a text',
      { prompt: [user('a')], completion: [assistant('b')], functions: '[{"name": "f"}]' },
      /line 2: has functions\. Tool calls are not supported/,
    ],
    [
      'documents',
      { messages: [user('a'), assistant('b')], documents: [{ title: 't', text: 'x' }] },
      /line 2: has documents beside its messages, which are not supported\. Put their text into a message/,
    ],
    [
      'a role of its own',
      { messages: [{ role: 'human', content: 'a' }] },
      /line 2: messages\[0\]\.role is human, expected system/,
    ],
    [
      'a completion that is no list',
      { prompt: [user('a')], completion: 'b' },
      /line 2: field 'completion' is b, expected a list of messages, as 'prompt' is/,
    ],
  ])('refuses %s, with its line', async (_, record, message) => {
    const error = await failure(fine, record);
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/Correct it, or leave it out with skipInvalid\.$/);
    const skipped: unknown[] = [];
    const { train } = await readInstructions([fine, record as object], {
      ...{ tokenizer, template },
      skipInvalid: ({ count }) => skipped.push(count),
    });
    expect([train.length, skipped]).toEqual([1, [1]]);
  });

  it('says of a prompt that is no list what it says of a completion', async () => {
    expect((await failure({ prompt: 'a', completion: [assistant('b')] })).message).toMatch(
      /line 1: field 'prompt' is a, expected a list of messages, as 'completion' is\./,
    );
  });

  it('refuses, with its line, what the template itself does not take', async () => {
    const refusing = tokenizerOf(
      'smollm2',
      "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}",
    );
    await expect(
      readInstructions(
        { text: JSON.stringify({ messages: [system('s'), user('a'), assistant('b')] }) },
        {
          tokenizer: refusing,
          template: createChatTemplate(refusing),
        },
      ),
    ).rejects.toThrow(/line 1: the chat template does not take these messages: System role not supported\. Correct/);
  });

  it('takes the messages of a prompt and of its completion, and fields that it has no use for', async () => {
    const split = {
      prompt: [system('s'), user('a')],
      completion: [{ ...assistant('b'), tool_calls: [], name: 'x' }],
      id: 7,
      ...{ tools: null, functions: '[]', documents: [] },
    };
    const { train } = await readInstructions([split], { tokenizer, template });
    expect(train[0]!.messages).toEqual([system('s'), user('a'), assistant('b')]);
  });

  it('says that conversations need a chat template, and which one', async () => {
    const error = await readInstructions([fine], { tokenizer }).catch((each: unknown) => each);
    expect(error).toBeInstanceOf(OptionError);
    expect((error as Error).message).toBe(
      "readInstructions: the template 'alpaca' knows no conversations, only instructions. Give the chat template of the " +
        'tokenizer, template: createChatTemplate(tokenizer).',
    );
    await expect(readInstructions([fine], { tokenizer, template: 'chat' })).rejects.toThrow(
      /made of the tokenizer that has it/,
    );
    expect(() => encodePrompt({ messages: [user('a')] }, { tokenizer, template: 'alpaca' })).toThrow(
      /knows no conversations/,
    );
    expect(() => encodePrompt(fine, { tokenizer, template })).toThrow(
      /encodePrompt: the last of 'messages' is no turn of the user/,
    );
  });

  it('has validation and prompts of them: all before the last answer', async () => {
    const records = [fine, { messages: [user('c'), assistant('d'), user('e'), assistant('f')] }];
    const data = await readInstructions(records, { tokenizer, template, validation: 1, validationOrder: 'first' });
    expect([data.template, data.validation[0]!.references]).toEqual(['chat', ['b']]);
    const lines = { text: records.map((each) => JSON.stringify(each)).join('\n') };
    expect(await readPrompts(lines)).toEqual([
      { messages: [user('a')] },
      { messages: records[1]!.messages.slice(0, 3) },
    ]);
    expect(await readPrompts({ text: JSON.stringify({ prompt: [user('a')], completion: [assistant('b')] }) })).toEqual([
      { messages: [user('a')] },
    ]);
    await expect(readPrompts({ text: '{"messages": [{"role": "assistant", "content": "a"}]}' })).rejects.toThrow(
      /line 1: field 'messages' is \[\]/,
    );
  });

  it('are known by the first of them', async () => {
    expect(await recordKind([fine])).toBe('conversation');
    expect(await recordKind([{ prompt: [user('a')], completion: [] }])).toBe('conversation');
    expect(await recordKind([{ prompt: 'a', completion: 'b' }])).toBe('completion');
    expect(await recordKind([{ instruction: 'a', prompt: 'x' }])).toBe('instruction');
    expect(await recordKind([{ prompt: 'a', messages: null }], { fields: { instruction: 'prompt' } })).toBe(
      'instruction',
    );
    expect(await recordKind({ text: `\n[${JSON.stringify(fine)}]` })).toBe('conversation');
    expect(await recordKind({ text: '' })).toBe('instruction');
    expect(await recordKind({ text: 'no JSON' })).toBe('instruction');
  });

  it('are texts to train a tokenizer on, in the template where there is one', async () => {
    const read = async (options = {}) => {
      const texts: string[] = [];
      for await (const each of readTokenizerTexts([fine], options)) texts.push(each);
      return texts;
    };
    expect(await read()).toEqual(['a\nb']);
    expect(await read({ template })).toEqual([
      '<bos><start_of_turn>user\na<end_of_turn>\n<start_of_turn>model\nb<end_of_turn>\n',
    ]);
  });
});

describe("a tokenizer's templates", () => {
  const byteLevel = files.get('byteLevel') as string;
  const load = (config: object, jinja?: string) =>
    tokenizerFromFiles({
      'tokenizer.json': byteLevel,
      'tokenizer_config.json': JSON.stringify({ eos_token: '<|im_end|>', ...config }),
      ...(jinja !== undefined && { 'chat_template.jinja': jinja }),
    });

  it('come as a text, as a list with names, and as a file of their own, which comes first', () => {
    const list = [
      { name: 'default', template: 'D' },
      { name: 'rag', template: 'R' },
    ];
    expect([...load({ chat_template: 'A' }).chatTemplates]).toEqual([['default', 'A']]);
    expect([...load({ chat_template: list }).chatTemplates]).toEqual([
      ['default', 'D'],
      ['rag', 'R'],
    ]);
    expect([...load({ chat_template: list }, 'F\r\n').chatTemplates]).toEqual([
      ['default', 'F\r\n'],
      ['rag', 'R'],
    ]);
    expect([...load({}).chatTemplates, ...load({ chat_template: null }).chatTemplates]).toEqual([]);
    expect(createChatTemplate(load({ chat_template: list }), { name: 'rag' }).render({ instruction: 'x' })).toBe('R');
    expect(() => load({ chat_template: 7 })).toThrow(/tokenizer_config\.json: chat_template: .*a text, or a list/);
  });

  it('are saved with it', () => {
    for (const tokenizer of [
      load({ chat_template: 'A' }),
      load({}, '{{ messages }}\r\n'),
      load({ chat_template: 'A' }, 'B'),
    ]) {
      const again = tokenizerFromFiles(tokenizer.save());
      expect([...again.chatTemplates]).toEqual([...tokenizer.chatTemplates]);
    }
    expect(load({}, '{{ messages }}\r\n').save()['chat_template.jinja']).toBe('{{ messages }}\r\n');
    expect(load({ chat_template: 'A' }).save()).not.toHaveProperty('chat_template.jinja');
  });

  it('are asked for by name', () => {
    expect(() => createChatTemplate(smallTokenizer())).toThrow(
      /the tokenizer has no chat template, .* Add chat_template\.jinja/,
    );
    const named = load({ chat_template: [{ name: 'rag', template: 'R' }] });
    expect(() => createChatTemplate(named)).toThrow(
      /its chat templates are rag, .* Give name, as in \{ name: 'rag' \}/,
    );
    expect(() => createChatTemplate(named)).toThrow(OptionError);
  });
});

describe('a template at fault', () => {
  const fault = async (template: string, messages: readonly (readonly ChatMessage[])[], options = {}) => {
    const tokenizer = tokenizerOf('smollm2', template);
    const records = messages.map((each) => ({ messages: each }));
    return readInstructions(records, {
      tokenizer,
      template: createChatTemplate(tokenizer),
      ...lengths,
      ...options,
    }).then(
      () => expect.unreachable(),
      (error: unknown) => error as DataError,
    );
  };
  const asked = [user('a'), assistant('b c')];

  it.each([
    ['a text of its own', 'hello'],
    [
      'an answer of its own',
      '{% if add_generation_prompt %}<|im_start|>assistant\n{% else %}<|im_start|>assistant\nfixed answer<|im_end|>{% endif %}',
    ],
    [
      'nothing of the answer where it is marked',
      '{{ messages[0].content }}{% if not add_generation_prompt %}{{ messages[1].content }}{% generation %}x{% endgeneration %}{% endif %}',
    ],
  ])('that has %s is refused, not its records', async (_, template) => {
    const error = await fault(template, [asked], { skipInvalid: true });
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toMatch(
      /^the chat template leaves the answer out of what is learnt: .* Correct the template/,
    );
    // Be it that the answer of a record is what the template says.
    expect((await fault(template, [[user('a'), assistant('hello')], asked])).message).toMatch(
      /^the chat template leaves/,
    );
  });

  it('that gives nothing is refused', async () => {
    expect((await fault('{# #}', [asked])).message).toMatch(/^the chat template gives no text\. Correct it/);
    const tokenizer = tokenizerOf('smollm2', '{# #}');
    const template = createChatTemplate(tokenizer);
    expect(() => encodePrompt({ instruction: 'a' }, { tokenizer, template })).toThrow(
      /the chat template gives no text/,
    );
  });

  it('may change an answer', async () => {
    const shouting = "{% for m in messages %}{{ m.content | replace('b', 'B') }}<|im_end|>{% endfor %}";
    const sample = await readOne(tokenizerOf('smollm2', shouting), asked);
    expect(sample.references).toEqual(['b c']);
  });

  it.each([
    ['cannot be rendered', '{{ messages | nothing }}'],
    ['takes too many steps', '{% for a in range(16000) %}{% for b in range(16000) %}{{ b }}{% endfor %}{% endfor %}'],
  ])('that %s ends the reading at the first record', async (_, template) => {
    const started = performance.now();
    const error = await fault(template, Array(40).fill(asked), { skipInvalid: true });
    expect(error.message).toMatch(/^the chat template cannot be rendered: /);
    expect(performance.now() - started).toBeLessThan(30_000);
  });

  it('a very long conversation may run into the limits of one that is fine', async () => {
    const long = [user('a'.repeat(2 ** 22)), assistant('b')];
    const tokenizer = tokenizerOf('smollm2');
    const options = { tokenizer, template: createChatTemplate(tokenizer), skipInvalid: true };
    const { train } = await readInstructions([{ messages: long }, { messages: asked }], options);
    expect(train).toHaveLength(1);
  });

  it('what it and the records say stays on its line', async () => {
    const refusal = await fault("{{ raise_exception('one\\ntwo \u001b[31m') }}", [asked]);
    expect(refusal.message).toContain('does not take these messages: one\\ntwo \\u001b[31m');
    const role = { role: 'a\nb\u001b', content: 'a' } as unknown as ChatMessage;
    expect((await fault('hello', [[role]])).message).toContain('role is a\\nb\\u001b, expected');
  });
});

it('tells a header that a template leaves to the answer', () => {
  const header = (family: string, template?: string) => learntHeader(createChatTemplate(tokenizerOf(family, template)));
  for (const family of families) expect(header(family, templates.get(family))).toBeUndefined();
  expect(
    header('smollm2', "{% for m in messages %}<|im_start|>{{ m.role + '\n' + m.content }}<|im_end|>\n{% endfor %}"),
  ).toBe('<|im_start|>assistant\n');
  expect(header('smollm2', "{{ raise_exception('no') }}")).toBeUndefined();
});

describe('a template from a stranger', () => {
  const render = (template: string, content = 'a') =>
    createChatTemplate(tokenizerOf('smollm2', template)).renderChat([user(content)], { addGenerationPrompt: true })
      .text;

  it.each<[string, string, RegExp]>([
    [
      'loops without end',
      '{% for a in range(16000) %}{% for b in range(16000) %}{{ b }}{% endfor %}{% endfor %}',
      /more than (1,000,000 steps|10 seconds)/,
    ],
    [
      'empty loops',
      '{% for a in range(16000) %}{% for b in range(16000) %}{% endfor %}{% endfor %}',
      /more than (1,000,000 steps|10 seconds)/,
    ],
    ['a long range', '{{ range(1000000000000) }}', /asks for a range of 1000000000000 numbers/],
    ['a strange range', "{{ range('a') }}", /calls range with other things/],
    ['no step', '{{ range(0, 9, 0) }}', /asks for a range of Infinity numbers/],
    [
      'a doubling text',
      "{% set ns = namespace(s='ab') %}{% for a in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
      /more than 4/,
    ],
    [
      'a doubling list',
      '{% set ns = namespace(s=[1]) %}{% for a in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}',
      /list of more than 16,384|more than 4/,
    ],
    [
      'lists of lists',
      '{% set ns = namespace(s=[1]) %}{% for a in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}',
      /more than 4/,
    ],
    [
      'deep lists',
      '{% set ns = namespace(s=[1]) %}{% for a in range(900) %}{% set ns.s = [ns.s] %}{% endfor %}{{ ns.s }}',
      /100 levels deep/,
    ],
    [
      'a namespace in itself',
      '{% set ns = namespace(s=1) %}{% set ns.s = ns %}{{ ns }}',
      /a namespace into another value/,
    ],
    [
      'a macro that calls itself',
      '{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}',
      /nested too deep|not a function/,
    ],
    [
      'macros that call themselves twice',
      '{% macro f(n) %}{% if n > 0 %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}',
      /steps/,
    ],
    ['a wide indent', "{{ 'a\nb' | indent(1000000000) }}", /another width than a number up to 32/],
    ['a width from a variable', '{% set w = 99999999 %}{{ messages | tojson(indent=w) }}', /another width/],
    ['a long join', "{{ ('a' * 3) }}", /Unknown operator/],
    ['brackets in brackets', `{{ ${'('.repeat(5000)}1${')'.repeat(5000)} }}`, /nested too deep/],
    ['much white space', `{{ 1 }}${' '.repeat(70_000)}`, /more than 1024 characters of white space/],
    ['a megabyte', 'a'.repeat(2 ** 20), /has 1\.0 MiB, expected at most 128\.0 KiB/],
    ['a part that does not end', '{% if messages %}', /cannot be rendered/],
    ['unpaired marks', '{% generation %}a', /do not come in pairs/],
    [
      'marks in marks',
      '{% generation %}a{% generation %}b{% endgeneration %}{% endgeneration %}',
      /do not come in pairs/,
    ],
  ])('%s: is refused in bounded time', (_, template, message) => {
    const started = performance.now();
    const refused = () => render(template);
    expect(refused).toThrow(DataError);
    expect(refused).toThrow(message);
    expect(performance.now() - started).toBeLessThan(30_000);
  });

  it.each([
    ...['__proto__', 'constructor', 'prototype', 'toString', '__class__', 'globalThis', 'process', 'require', 'import'],
    ...['Function', 'eval', 'fetch', 'self'],
  ])('reaches no %s', (name) => {
    const texts = [
      `{{ ${name} }}`,
      `{{ messages.${name} }}`,
      `{{ messages[0]['${name}'] }}`,
      `{{ ''.${name} }}`,
      `{{ range.${name} }}`,
    ];
    for (const template of texts) expect(render(template)).toBe('');
    for (const template of texts) expect(() => render(template.replace(' }}', '() }}'))).toThrow(/not a function/);
    expect(() => render(`{{ raise_exception.${name}.${name}('a') }}`)).toThrow(DataError);
    expect(render(`{% set ns = namespace() %}{% set ns.${name} = 1 %}{{ ns.${name} }}`)).toBe('1');
    expect(({} as Record<string, unknown>)[name] === 1).toBe(false);
  });

  it('is given the same day every day', () => {
    expect(render('{{ strftime_now("%d %b %Y, %A %-d %B %H:%M") }}')).toBe('26 Jul 2024, Friday 26 July 00:00');
  });

  it.each([
    ["{{ messages[0].content.lstrip('\n') }}", '\n\n a \n', ' a \n'],
    ["{{ messages[0].content.rstrip('\n ') }}", '\n a \n', '\n a'],
    ["{{ messages[0].content.strip('^]-') }}", '-]^a^-b-', 'a^-b'],
    ["{{ messages[0].content.strip('') }}", ' a ', ' a '],
    ['{{ messages[0].content.strip() }}', '\u001c\u0085\ufeff a\u00a0', '\ufeff a'],
    ['{{ messages[0].content | trim }}', '\u001f a\ufeff\u2028', 'a\ufeff'],
    ["{{ messages[0].content | trim('x') }}", 'xax ', 'ax '],
    ["{{ 'a' + messages[0].content | trim + 'b' }}", ' c ', 'acb'],
    ["{% if messages[0].content.strip().strip('c') == '' %}none{% endif %}", ' cc ', 'none'],
  ])('strips as Python does: %s', (template, content, expected) => expect(render(template, content)).toBe(expected));

  it('renders a long conversation of a plain one', () => {
    const template = createChatTemplate(tokenizerOf('qwen3'));
    const messages = Array.from({ length: 2001 }, (_, at) =>
      at % 2 ? assistant('b'.repeat(500)) : user('a'.repeat(500)),
    );
    expect(template.renderChat(messages, { addGenerationPrompt: true }).text.length).toBeGreaterThan(1e6);
  });
});
