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
