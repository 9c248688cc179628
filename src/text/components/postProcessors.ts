/** Post-processors: what puts tokens around a text. */
import { readStage, type Stage, unsupportedIn } from './component.js';
import { bertComponents } from './postProcessors/bert.js';
import { byteLevelProcessor } from './postProcessors/byteLevel.js';
import { noTemplate, type Template } from './postProcessors/template.js';
import { templateProcessing } from './postProcessors/templateProcessing.js';

const postProcessors: Stage<Template> = {
  field: 'post_processor',
  list: 'processors',
  components: [templateProcessing, byteLevelProcessor, ...bertComponents],
};

/** @throws CheckpointError for what is unknown or malformed, and for two that put tokens */
export function readTemplate(json: unknown): Template {
  const templates = readStage(postProcessors, json).filter(({ read }) => read.before.length + read.after.length > 0);
  if (templates.length > 1) {
    const found = templates.map(({ type }) => type).join(', ');
    throw unsupportedIn(`post_processor Sequence [${found}]`, 'one that puts tokens');
  }
  return templates[0]?.read ?? noTemplate;
}
