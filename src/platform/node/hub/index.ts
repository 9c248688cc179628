/** Models on Hugging Face in Node: its own cache on disk, and the variables of the environment that its libraries go by. */
import type { FileStore } from '../../../io/fileStore.js';
import type { HubName } from '../../../io/hub/hubName.js';
import { endpointOf, type OpenHubOptions } from '../../../io/hub/hubOptions.js';
import { hubStore } from '../../../io/hub/hubStore.js';
import { cacheFolder } from './cacheFolder.js';

const settings = {
  endpoint: 'HF_ENDPOINT',
  token: 'HF_TOKEN',
  offline: 'HF_HUB_OFFLINE',
  offlineOn: 'HF_HUB_OFFLINE=1',
} as const;

const isOn = (variable: string | undefined): boolean => /^(1|on|yes|true)$/i.test(variable ?? '');

/** Nothing is asked or read yet. */
export function openHub(name: HubName, { onProgress, signal, hub = {} }: OpenHubOptions = {}): FileStore {
  const { HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE } = process.env;
  const endpoint = endpointOf(hub.endpoint ?? (HF_ENDPOINT || undefined));
  return hubStore(name, {
    access: { endpoint, token: hub.token ?? (HF_TOKEN || undefined), signal, settings },
    offline: hub.offline ?? isOn(HF_HUB_OFFLINE),
    cache: async (name) => cacheFolder(name),
    onProgress,
  });
}
