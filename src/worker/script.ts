/** The script of the worker: it serves the whole API to the thread that has started it. */
import { ownEndpoint } from '#thread';
import { serveWorker } from './serveWorker.js';

serveWorker(ownEndpoint());
