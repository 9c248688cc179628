export { type AdamW, type AdamWOptions, type AdamWState, createAdamW } from './adamW.js';
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
