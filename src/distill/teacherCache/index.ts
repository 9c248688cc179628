/**
 * A teacher's predictions on the data of a run, stored, so that students are trained without the teacher in memory.
 * `cacheTeacher` writes them, `openTeacherCache` reads them; src/distill/terms/cachedTeacher.ts makes losses of them.
 */
export {
  type CacheTeacherOptions,
  cacheTeacher,
  type TeacherCacheEvent,
  type TeacherCaching,
} from './cacheTeacher.js';
export type { TeacherCacheFacts } from './facts.js';
export type { CacheShard } from './files.js';
export type { TeacherCacheMemory } from './memory.js';
export { mergeTeacherCache } from './mergeTeacherCache.js';
export {
  type CachedPredictions,
  type OpenTeacherCacheOptions,
  openTeacherCache,
  type TeacherCache,
} from './openTeacherCache.js';
