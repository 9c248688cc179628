/** What goes into a prompt. `input` may be empty. */
export interface PromptFields {
  readonly instruction: string;
  readonly input: string;
}

/** How an instruction becomes the text that the model continues. */
export interface PromptTemplate {
  readonly name: string;
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

/** The same without its two opening sentences: for small models that see one kind of prompt only. */
export const compactTemplate: PromptTemplate = {
  name: 'compact',
  render: ({ instruction, input }) =>
    input ? `Instruction: ${instruction}\nInput: ${input}\nResponse:\n` : `Instruction: ${instruction}\nResponse:\n`,
};

/** Templates by the name that options take. */
export const promptTemplates = { alpaca: alpacaTemplate, compact: compactTemplate } as const;
export type PromptTemplateName = keyof typeof promptTemplates;
