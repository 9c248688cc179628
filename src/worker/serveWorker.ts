/** The API, served to another thread. */
import { type Endpoint, expose } from 'comlink';
import * as api from '../index.js';
import { version } from '../version.js';
import { createHost } from './host.js';

/** Serves the functions of `distillm` to whoever opens the other end by `openWorker`. */
export const serveWorker = (endpoint: Endpoint): void => expose(createHost(api, version), endpoint);
