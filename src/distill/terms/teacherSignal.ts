/**
 * Where a divergence's teacher comes from. A term knows the interface only, so a teacher need not be a model in
 * memory.
 */
import { markPhase } from '../../backend/profile.js';
import type { LanguageModel } from '../../models/model.js';
import { type DivergenceSpec, divergenceRows, type RowLoss } from '../../tensor/index.js';
import { type Teacher, teacherOf } from '../teachers.js';
import type { TermBatch } from './term.js';

/** What a divergence learns from: a teacher, in whatever form its predictions are at hand. */
export interface TeacherSignal {
  /** Tokens that it predicts. */
  readonly vocabSize: number;
  /** The model that teaches a batch, where it is in memory. */
  modelOf?(batch: TermBatch): LanguageModel;
  /** As `Term.prepare`. */
  prepare?(batches: readonly TermBatch[]): Promise<void>;
  /**
   * The divergence of the student's rows of this batch from the teacher's. As `Term.rowLoss`.
   * @param compares the predictions of both are measured, too, where they are at hand
   */
  divergenceOf(batch: TermBatch, divergence: DivergenceSpec, gradScale: number, compares?: boolean): RowLoss;
}

/** Models that predict each batch when it is wanted, each those of its own samples: a batch has one teacher. */
export const liveTeachers = (teachers: readonly Teacher[]): TeacherSignal => {
  const modelOf = ({ samples }: TermBatch) => teacherOf(teachers, samples[0] ?? {});
  return {
    vocabSize: Math.min(...teachers.map(({ model }) => model.vocabSize)),
    modelOf,
    divergenceOf(batch, divergence, gradScale, compares = false) {
      const teacher = modelOf(batch);
      const { device, head } = teacher;
      markPhase(device, 'teacher');
      const hidden = teacher.forward(batch);
      // Submit now: the device works on the teacher while we record the student.
      device.submit();
      return divergenceRows({ hidden, head }, divergence, gradScale, { compares });
    },
  };
};
