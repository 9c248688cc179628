/** Which prompt template a command uses: the one asked for, or the one that the model was trained with. */
import {
  type Checkpoint,
  createChatTemplate,
  OptionError,
  type PromptTemplate,
  type PromptTemplateName,
  promptTemplates,
  type Tokenizer,
} from '../index.js';
import { choice, optional } from './options.js';

const ours = Object.keys(promptTemplates) as [PromptTemplateName, ...PromptTemplateName[]];
/** Those of this package. */
export const templates = choice(ours);
/** `chat` is whatever the files of the tokenizer have. */
export type TemplateName = PromptTemplateName | 'chat';

export const templateOption = optional(
  '<name>',
  choice([...ours, 'chat'] as [TemplateName, ...TemplateName[]]),
  `prompt template: ${ours.join(', ')}, or chat, the tokenizer's own (default: what the models were trained with; else alpaca, or chat for ` +
    'conversations, and to answer where the tokenizer has one; t5 for summaries and translations by an encoder-decoder)',
);

/** What says with which template a model was trained, or its predictions made. */
type Trained = Pick<Checkpoint, 'name' | 'promptTemplate'>;

/** What a template is chosen for. */
interface Purpose {
  /** A chat template is this one's. */
  readonly tokenizer: Tokenizer;
  /** The data or the prompts are conversations. */
  readonly areChats?: boolean;
  /** Where nothing says with which template a model was trained, the tokenizer's own counts. */
  readonly prefersChat?: boolean;
  /** Where nothing says it, T5's counts: the model is of T5's kind, and the data are what T5 was trained on with a prefix. */
  readonly prefersT5?: boolean;
  /** Is told which template was taken where nothing says it. */
  readonly say?: (text: string) => void;
}

/**
 * The template that is asked for, else that of the checkpoints that say what their models were trained with, else the
 * chat template for conversations, and for prompts where the tokenizer has one, that of T5 for its tasks, and alpaca for others.
 * @throws OptionError where two were trained with different ones, for one that is not known here, and for conversations
 * that would go into another than a chat template
 */
export async function chooseTemplate(
  wanted: TemplateName | undefined,
  checkpoints: readonly (Trained | undefined)[],
  { tokenizer, areChats = false, prefersChat = false, prefersT5 = false, say }: Purpose,
): Promise<PromptTemplate> {
  const hasChat = tokenizer.chatTemplates.has('default');
  const said = wanted ?? (await trainedWith(checkpoints));
  const name = said ?? (areChats || (prefersChat && hasChat) ? 'chat' : prefersT5 ? 't5' : 'alpaca');
  if (said === undefined && hasChat && !areChats) say?.(takenInWords(name));
  if (name === 'chat') return createChatTemplate(tokenizer);
  if (!areChats) return promptTemplates[name];
  throw new OptionError(
    `the records are conversations, which the template ${name} does not know${wanted ? '' : ', with which the model was trained'}. ` +
      "Take the tokenizer's own, --template chat.",
    { found: name, expected: 'chat' },
  );
}

/** A model with a chat template answers best in it; data may be of either. */
const takenInWords = (name: TemplateName): string =>
  name === 'chat'
    ? "The prompts are in the chat template of the model's tokenizer, as nothing says that it was trained with another one. For " +
      'that of Alpaca give --template alpaca.'
    : `The data are in the template ${name}, though the tokenizer has a chat template. For that one give --template chat.`;

/** What the checkpoints say; undefined where none says it. */
async function trainedWith(checkpoints: readonly (Trained | undefined)[]): Promise<TemplateName | undefined> {
  const saved: { readonly name: string; readonly of: string }[] = [];
  for (const checkpoint of checkpoints) {
    const name = await checkpoint?.promptTemplate();
    if (checkpoint && name !== undefined) saved.push({ name, of: checkpoint.name });
  }
  const [first, ...others] = saved;
  if (!first) return undefined;
  const other = others.find(({ name }) => name !== first.name);
  if (other) {
    throw new OptionError(
      `${first.of} was trained with the template ${first.name}, ${other.of} with ${other.name}: a model understands the ` +
        'prompts of its own. Choose one by --template; better, train both with the same.',
      { found: other.name, expected: first.name },
    );
  }
  if (first.name in promptTemplates || first.name === 'chat') return first.name as TemplateName;
  const known = ours.join(' and ');
  throw new OptionError(
    `${first.of} was trained with a template of its own, '${first.name}'; here are ${known}. Choose one by --template.`,
    { found: first.name },
  );
}
