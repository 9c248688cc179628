/** Names of models on Hugging Face: hf:organisation/name, with a revision and a path in it where they are needed. */
import { OptionError } from '../../errors.js';

export interface HubName {
  /** 'HuggingFaceTB/SmolLM2-135M' */
  readonly repository: string;
  /** A branch, a tag, a commit, or refs/pr/1. 'main' where none is named. */
  readonly revision: string;
  /** Of a folder or file in the repository; '' for all of it. */
  readonly path: string;
}

export const isHubName = (source: string): boolean => source.startsWith('hf:');
/** What Hugging Face itself calls a model, which may be a folder as well: gpt2, openai-community/gpt2. */
export const isBareHubName = (source: string): boolean => /^\w[\w.-]*(\/[\w.-]+)?$/.test(source);

const form =
  /^(?!hf:[^/]*\/$)hf:(\w[\w.-]*(?:\/\w[\w.-]*)?)(?:@(refs\/\w[\w-]*\/\w[\w.-]*|\w[\w.-]*))?(?:\/([^@]+?))?\/?$/;

/** @throws OptionError for what is no such name */
export function parseHubName(source: string): HubName {
  const [, repository, revision = 'main', path = ''] = form.exec(source) ?? [];
  if (repository === undefined || `${repository}/${revision}/${path}`.split('/').some((part) => /^\.+$/.test(part))) {
    throw new OptionError(
      `'${source}' is no name of a model on Hugging Face, expected hf:organisation/name or hf:organisation/name@revision.`,
      { found: source, expected: 'hf:organisation/name@revision' },
    );
  }
  return { repository, revision, path };
}

/** The same as it is written. */
export const hubNameText = ({ repository, revision, path }: HubName): string =>
  `hf:${repository}${revision === 'main' ? '' : `@${revision}`}${path && `/${path}`}`;
