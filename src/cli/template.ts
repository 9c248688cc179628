/** Which prompt template a command uses: the one asked for, or the one that the model was trained with. */
import { type Checkpoint, OptionError, type PromptTemplateName, promptTemplates } from '../index.js';
import { choice, optional } from './options.js';

export const templates = choice(Object.keys(promptTemplates) as [PromptTemplateName, ...PromptTemplateName[]]);

export const templateOption = optional(
  '<name>',
  templates,
  `prompt template: ${Object.keys(promptTemplates).join(' or ')} (default: what the model was trained with, else alpaca)`,
);

/**
 * The template that is asked for, else that of the first checkpoint that says what its model was trained with, else
 * alpaca.
 */
export async function chooseTemplate(
  wanted: PromptTemplateName | undefined,
  checkpoints: readonly (Checkpoint | undefined)[],
): Promise<PromptTemplateName> {
  if (wanted !== undefined) return wanted;
  for (const checkpoint of checkpoints) {
    const name = await checkpoint?.promptTemplate();
    if (name === undefined) continue;
    if (name in promptTemplates) return name as PromptTemplateName;
    const known = Object.keys(promptTemplates).join(' and ');
    throw new OptionError(
      `${checkpoint?.name} was trained with a template of its own, '${name}'; here are ${known}. Choose one by --template.`,
      { found: name },
    );
  }
  return 'alpaca';
}
