/** What callers say of Hugging Face where `hf:` names are opened. */
import * as z from 'zod';
import { type Fields, ranges, special } from '../../settings/index.js';
import type { OnProgress } from '../httpStore.js';

/**
 * How Hugging Face is asked for what `hf:` names stand for. In Node, variables of the environment say what is left out, as
 * for its own libraries.
 */
export interface HubOptions {
  /** Another hub. Default: HF_ENDPOINT, else https://huggingface.co. */
  readonly endpoint?: string | undefined;
  /** For closed models. Sent to the hub alone, never to the host that large files are redirected to. Default: HF_TOKEN. */
  readonly token?: string | undefined;
  /** Nothing is asked of the network: what was downloaded before is all there is. Default: HF_HUB_OFFLINE, else false. */
  readonly offline?: boolean | undefined;
}

/** The hub that is asked, as paths follow it. */
export const endpointOf = (given: string | undefined): string =>
  (given ?? 'https://huggingface.co').replace(/\/+$/, '');

/** Takes them, for the options of whoever opens files. */
export const hubOption = z.strictObject({
  endpoint: special<string>(
    'the URL of a hub',
    (value) => typeof value === 'string' && URL.canParse(value) && /^https?:/i.test(value),
  ).optional(),
  token: ranges.text.optional(),
  offline: ranges.switched.optional(),
} satisfies Fields<HubOptions>);

/** How a name is opened. */
export interface OpenHubOptions {
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly hub?: HubOptions | undefined;
}
