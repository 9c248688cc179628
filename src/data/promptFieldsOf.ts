/** The way back from a prompt to what was asked: a report shows the question, not the sentences around it. */
import { alpacaTemplate, compactTemplate, type PromptFields } from './template.js';

/** Stand for what a template is filled with. */
const [instructionMark, inputMark] = ['\u0001', '\u0002'];
/** Tokens that tokenizers put before a text, as words: <s>, <|begin_of_text|>. */
const textBegins = '^(?:<[^<>\\s]{1,40}>)*\\s*';

/** Prompts of our templates, with an input and without. Those of T5 have nothing around what was asked. */
const rendered = [alpacaTemplate, compactTemplate].flatMap(({ render }) =>
  [{ instruction: instructionMark, input: inputMark }, { instruction: instructionMark }].map((fields) => {
    const words = render(fields)
      .trimEnd()
      .replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    const filled = words.replace(instructionMark, '(?<instruction>.*?)').replace(inputMark, '(?<input>.*?)');
    return new RegExp(`${textBegins}${filled}\\s*$`, 's');
  }),
);

/** What one of our templates was filled with to give a prompt; undefined for the prompt of another template. */
export function promptFieldsOf(prompt: string): PromptFields | undefined {
  for (const form of rendered) {
    const { instruction, input } = form.exec(prompt)?.groups ?? {};
    if (instruction !== undefined) return { instruction, ...(input !== undefined && { input }) };
  }
  return undefined;
}
