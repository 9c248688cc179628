/**
 * Prompt templates. A template turns an instruction into the text that the model continues. A model answers best to
 * the template that it was trained with; its folder remembers the name (savedTemplate.ts).
 */
import { didYouMean, refusedOption } from '../requireOption.js';
import { hasMethods, special } from '../settings/index.js';

/** What a template is filled with. */
export interface PromptFields {
  /** What the model is asked to do. */
  readonly instruction: string;
  /** Further context for the instruction. Default '': none. */
  readonly input?: string;
  /** What T5 reads before the input in place of the instruction ('summarize: '). Default: nothing, and other templates ignore it. */
  readonly prefix?: string;
}

/** How an instruction becomes the text that the model continues. */
export interface PromptTemplate {
  /** Checkpoints remember it. */
  readonly name: string;
  /** The text of a prompt, which ends where the answer begins. */
  render(fields: PromptFields): string;
}

/** The template of the paper's instruction-following runs (Alpaca's). */
export const alpacaTemplate: PromptTemplate = {
  name: 'alpaca',
  render: ({ instruction, input }) =>
    input
      ? 'Below is an instruction that describes a task, paired with an input that provides further context. ' +
        'Write a response that appropriately completes the request.\n\n' +
        `### Instruction:\n${instruction}\n\n### Input:\n${input}\n\n### Response:\n`
      : 'Below is an instruction that describes a task. ' +
        'Write a response that appropriately completes the request.\n\n' +
        `### Instruction:\n${instruction}\n\n### Response:\n`,
};

/** Alpaca's template without its two opening sentences: for small models that see one kind of prompt only. */
export const compactTemplate: PromptTemplate = {
  name: 'compact',
  render: ({ instruction, input }) =>
    input ? `Instruction: ${instruction}\nInput: ${input}\nResponse:\n` : `Instruction: ${instruction}\nResponse:\n`,
};

/**
 * What T5 was trained on (Raffel et al., 2020, appendix D): the input behind a prefix that says what to do with it, 'summarize: '
 * or 'translate English to German: '. Where a record has no such prefix, the instruction stands two lines above the input.
 */
export const t5Template: PromptTemplate = {
  name: 't5',
  render: ({ instruction, input, prefix }) => (input ? `${prefix ?? `${instruction}\n\n`}${input}` : instruction),
};

/** Templates by the name that options take. */
export const promptTemplates: Readonly<Record<PromptTemplateName, PromptTemplate>> = {
  alpaca: alpacaTemplate,
  compact: compactTemplate,
  t5: t5Template,
};
/** Name of one of our templates. */
export type PromptTemplateName = 'alpaca' | 'compact' | 't5';

/** A template, or the name of one of ours. `savedTemplate` gives a name as a plain string. */
export type TemplateChoice = PromptTemplate | PromptTemplateName | (string & {});

/** Takes a template or its name, for options. Whether there is such a name, `resolveTemplate` says. */
export const templateOption = special<TemplateChoice>(
  "a template's name, or a template of your own, { name, render }",
  (value) => typeof value === 'string' || (typeof Object(value).name === 'string' && hasMethods(value, 'render')),
);

/**
 * The template of a name, or the template itself. Without a choice it is Alpaca's.
 * @throws OptionError for an unknown name
 */
export function resolveTemplate(where: string, choice: TemplateChoice = 'alpaca'): PromptTemplate {
  if (typeof choice !== 'string') return choice;
  if (Object.hasOwn(promptTemplates, choice)) return promptTemplates[choice as PromptTemplateName];
  const known = Object.keys(promptTemplates);
  if (choice === 'chat') {
    const advice = 'A chat template is made of the tokenizer that has it: template: createChatTemplate(tokenizer).';
    throw refusedOption(where, 'template', choice, known.join(' or '), advice);
  }
  const advice = `${didYouMean(choice, known)} Give a template of your own as an object, { name, render }.`;
  throw refusedOption(where, 'template', choice, known.join(' or '), advice.trim());
}
