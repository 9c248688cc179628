import { type CheckpointSource, checkpointOption, openCheckpoint, templateFile } from '../checkpoints/index.js';
import { checkOption, ranges } from '../settings/index.js';

/**
 * The file by which a model's folder says with which template it was trained. No file where there is no name.
 * @throws OptionError for what is no name
 */
export function savedTemplateFiles(template: string | undefined): Record<string, string> {
  const name = checkOption('saveModel', 'model.promptTemplate', template, ranges.text.optional());
  return name === undefined ? {} : { [templateFile]: `${JSON.stringify({ promptTemplate: name }, null, 2)}\n` };
}

/**
 * Name of the prompt template that a model was trained with; undefined where its checkpoint does not say.
 * @param source a folder's path, a URL, a FileStore or an opened checkpoint; see `openCheckpoint`
 * @example
 * const name = await savedTemplate('./runs/dolly/best'); // 'alpaca'
 * @throws CheckpointError when there is no checkpoint, or it is malformed
 */
export async function savedTemplate(source: CheckpointSource): Promise<string | undefined> {
  checkOption('savedTemplate', 'source', source, checkpointOption);
  return (await openCheckpoint(source)).promptTemplate();
}
