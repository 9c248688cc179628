/**
 * JSON that is no data, though it lies beside data or models: vocabularies, configs, an index of weights. Some of their fields are
 * called as fields of data are (a vocabulary has the word 'Definition'), so they are known by what they hold.
 */
import { DataError } from '../errors.js';
import { isObject } from '../io/json.js';
import { formatOf } from './formats/index.js';
import type { FieldNames } from './instructionFields.js';
import type { Fields } from './recordFields.js';

/** Each is known by what all files of the kind have. Records of data may have such fields besides. */
const kinds: readonly (readonly [what: string, is: (record: Fields) => boolean])[] = [
  ['a tokenizer (tokenizer.json)', ({ model, added_tokens: added }) => isObject(model) && Array.isArray(added)],
  ['the settings of a tokenizer (tokenizer_config.json)', ({ tokenizer_class: name }) => typeof name === 'string'],
  [
    'the config of a model (config.json)',
    ({ model_type: type, architectures }) => typeof type === 'string' || isNames(architectures),
  ],
  ['an index of weights (model.safetensors.index.json)', ({ weight_map: map }) => isObject(map)],
  [
    "a model's settings for generation (generation_config.json)",
    (record) =>
      'transformers_version' in record &&
      Object.values(record).every((value) => typeof value !== 'object' || isNumbers(value)),
  ],
  [
    'the settings of a package (package.json)',
    ({ name, version }) => typeof name === 'string' && /^\d+\.\d+\.\d+/.test(String(version)),
  ],
];

/**
 * Refuses a file whose first value shows that it is no data.
 * @param names of the fields of an instruction
 * @throws DataError that says what it is
 */
export function refuseOther(
  name: string,
  value: Fields,
  { instruction, output }: Pick<FieldNames, 'instruction' | 'output'>,
) {
  const isAsked = [...instruction, ...output, 'messages', 'text'].some(
    (field) => typeof value[field] === 'string' || Array.isArray(value[field]),
  );
  const isData = isAsked || formatOf(value) !== undefined;
  const other = isVocabulary(value)
    ? "a tokenizer's vocabulary (vocab.json)"
    : isData
      ? undefined
      : kinds.find(([, is]) => is(value))?.[0];
  if (other === undefined) return;
  throw new DataError(`${name} is ${other}, expected records of data. Leave it out.`, { found: other });
}

const isNames = (value: unknown): boolean => Array.isArray(value) && value.every((each) => typeof each === 'string');
const isNumbers = (value: unknown): boolean =>
  value === null || (Array.isArray(value) && value.every((each) => typeof each === 'number'));

/** Ids of tokens, and nothing else: no record has so many numbers and no text. */
function isVocabulary(record: Fields): boolean {
  const ids = Object.values(record);
  return ids.length >= 16 && ids.every((id) => Number.isInteger(id) && (id as number) >= 0);
}
