import { CheckpointError } from '../errors.js';
import { type FileStore, readJson } from '../io/index.js';
import { openFolder } from '../platform/openFolder.js';

/** Beside the files of a Hugging Face folder, whose tools ignore it. */
const file = 'distillm.json';

/**
 * The file by which a model's folder says with which template it was trained, for `saveModel`; checkpoints have it.
 * No file where there is no name.
 * @example
 * await saveModel(student, './student', { files: { ...tokenizer.save(), ...savedTemplateFiles('compact') } });
 */
export const savedTemplateFiles = (template: string | undefined): Record<string, string> =>
  template === undefined ? {} : { [file]: `${JSON.stringify({ promptTemplate: template }, null, 2)}\n` };

/**
 * Name of the prompt template that a model was trained with; undefined where its folder does not say.
 * @param source a folder's path, a URL or a FileStore; see `openFolder`
 * @example
 * const name = await savedTemplate('./runs/dolly/best'); // 'alpaca'
 * @throws CheckpointError when the file is malformed
 */
export async function savedTemplate(source: string | FileStore): Promise<string | undefined> {
  const store = openFolder(source);
  if (!(await store.exists(file))) return undefined;
  const { promptTemplate } = await readJson(store, file);
  if (promptTemplate === undefined || typeof promptTemplate === 'string') return promptTemplate;
  throw new CheckpointError(`${store.name}/${file}: promptTemplate is ${promptTemplate}, expected a name. Remove it.`, {
    found: promptTemplate,
  });
}
