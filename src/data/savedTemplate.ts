import { type CheckpointSource, openCheckpoint, templateFile } from '../checkpoints/index.js';

/**
 * The file by which a model's folder says with which template it was trained, for `saveModel`; checkpoints have it.
 * No file where there is no name.
 * @example
 * await saveModel(student, './student', { files: { ...tokenizer.save(), ...savedTemplateFiles('compact') } });
 */
export const savedTemplateFiles = (template: string | undefined): Record<string, string> =>
  template === undefined ? {} : { [templateFile]: `${JSON.stringify({ promptTemplate: template }, null, 2)}\n` };

/**
 * Name of the prompt template that a model was trained with; undefined where its checkpoint does not say.
 * @param source a folder's path, a URL, a FileStore or an opened checkpoint; see `openCheckpoint`
 * @example
 * const name = await savedTemplate('./runs/dolly/best'); // 'alpaca'
 * @throws CheckpointError when there is no checkpoint, or it is malformed
 */
export async function savedTemplate(source: CheckpointSource): Promise<string | undefined> {
  return (await openCheckpoint(source)).promptTemplate();
}
