/**
 * The optimizer (AdamW with clipping) and the schedules of its learning rate. Their options are schemas, see
 * src/settings.
 */
export { type AdamW, type AdamWOptions, adamWOptions, createAdamW, type Moments } from './adamW.js';
export type { DecayGrouping } from './decayGroups.js';
export {
  constantSchedule,
  cosineSchedule,
  type DecayOptions,
  linearSchedule,
  noamSchedule,
  type Schedule,
  type ScheduleName,
  type ScheduleOptions,
  scheduleNames,
  schedules,
} from './schedules.js';
