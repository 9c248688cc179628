/** The API, served to another thread. */
import { type Endpoint, expose } from 'comlink';
import { version } from '../version.js';
import * as api from './api.js';
import { createHost } from './host.js';

/** Serves the functions of the API to whoever opens the other end by `openWorker`. */
export const serveWorker = (endpoint: Endpoint): void => expose(createHost(api, version), endpoint);
