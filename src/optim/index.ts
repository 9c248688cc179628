export { type AdamW, type AdamWOptions, createAdamW, type Moments } from './adamW.js';
export type { DecayGrouping } from './decayGroups.js';
export {
  constantSchedule,
  cosineSchedule,
  type DecayOptions,
  linearSchedule,
  noamSchedule,
  type Schedule,
  type ScheduleOptions,
} from './schedules.js';
