/**
 * The base of an adapter: the model that it was trained on, of which its folder holds no weights. PEFT stores the name by
 * which it was loaded then, a path or a name on Hugging Face.
 */
import { CheckpointError, OptionError } from '../errors.js';
import { inWords } from '../inWords.js';
import { isBareHubName, isHubName } from '../io/hub/hubName.js';
import { isWebAddress } from '../io/webAddress.js';
import type { Checkpoint } from './checkpoint.js';

/** What is known of where a base is. */
interface BasePlace {
  /** adapter_config.json, for messages. */
  readonly where: string;
  /** Its fields. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Where the adapter is, see `Checkpoint.location`. */
  readonly location: string | undefined;
  /** @throws CheckpointError where there is no checkpoint */
  open(source: string): Promise<Checkpoint>;
}

/** @throws CheckpointError where it is not found, with each place that was looked at */
export async function findBase({ where, fields, location, open }: BasePlace): Promise<Checkpoint> {
  const { base_model_name_or_path: named, revision } = fields;
  if (typeof named !== 'string' || named === '') {
    throw new CheckpointError(
      `${where}: base_model_name_or_path is ${inWords(named)}, expected the name of the model that the adapter was trained ` +
        'on. Give that model as base.',
      { found: named },
    );
  }
  const refused: Error[] = [];
  for (const place of placesOf(named, revision, location)) {
    try {
      return await open(place);
    } catch (error) {
      if (!(error instanceof CheckpointError || error instanceof OptionError)) throw error;
      refused.push(error);
    }
  }
  throw new CheckpointError(
    `${where}: the base of the adapter, ${named}, cannot be opened. ${refused.map(({ message }) => message).join(' ')} Give ` +
      'the model that it was trained on as base.',
    { found: named, cause: refused[0] },
  );
}

/** As PEFT looks for it; then beside the adapter, whose folder may have been moved together with the base. */
function placesOf(named: string, revision: unknown, location: string | undefined): string[] {
  if (isHubName(named) || isWebAddress(named)) return [named];
  const isRelative = !/^(?:[\\/]|[a-z]:)/i.test(named);
  return [
    named,
    ...(isRelative && location !== undefined && !isHubName(location)
      ? [`${location.replace(/\/$/, '')}/${named}`]
      : []),
    ...(isBareHubName(named) ? [`hf:${named}${typeof revision === 'string' ? `@${revision}` : ''}`] : []),
  ];
}

/** The base itself. @throws CheckpointError where it is an adapter as well, which would be left out in silence */
export async function requirePlain(base: Checkpoint, where: string): Promise<Checkpoint> {
  const adapter = await base.adapter();
  if (!adapter) return base;
  throw new CheckpointError(
    `${where}: the base ${base.name} is an adapter itself (${adapter.name}). Merge that into its own base first, and give what ` +
      'is saved as base.',
    { found: base.name },
  );
}
