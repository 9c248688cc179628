/** Which prompt template a command uses: the one asked for, or the one that the model was trained with. */
import { type Checkpoint, OptionError, type PromptTemplateName, promptTemplates } from '../index.js';
import { choice, optional } from './options.js';

export const templates = choice(Object.keys(promptTemplates) as [PromptTemplateName, ...PromptTemplateName[]]);

export const templateOption = optional(
  '<name>',
  templates,
  `prompt template: ${Object.keys(promptTemplates).join(' or ')} (default: what the models were trained with, else alpaca)`,
);

/**
 * The template that is asked for, else that of the checkpoints that say what their models were trained with, else
 * alpaca.
 * @throws OptionError where two were trained with different ones, and for one that is not known here
 */
export async function chooseTemplate(
  wanted: PromptTemplateName | undefined,
  checkpoints: readonly (Checkpoint | undefined)[],
): Promise<PromptTemplateName> {
  if (wanted !== undefined) return wanted;
  const saved: { readonly name: string; readonly of: string }[] = [];
  for (const checkpoint of checkpoints) {
    const name = await checkpoint?.promptTemplate();
    if (checkpoint && name !== undefined) saved.push({ name, of: checkpoint.name });
  }
  const [first, ...others] = saved;
  if (!first) return 'alpaca';
  const other = others.find(({ name }) => name !== first.name);
  if (other) {
    throw new OptionError(
      `${first.of} was trained with the template ${first.name}, ${other.of} with ${other.name}: a model understands the ` +
        'prompts of its own. Choose one by --template; better, train both with the same.',
      { found: other.name, expected: first.name },
    );
  }
  if (first.name in promptTemplates) return first.name as PromptTemplateName;
  const known = Object.keys(promptTemplates).join(' and ');
  throw new OptionError(
    `${first.of} was trained with a template of its own, '${first.name}'; here are ${known}. Choose one by --template.`,
    { found: first.name },
  );
}
