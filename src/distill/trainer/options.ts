/** What `distill` and `fineTune` take: the objects of a run here, its settings by the schemas of `settings.ts`. */
import type * as z from 'zod';
import type { Sample } from '../../data/batch.js';
import type { FileStore } from '../../io/fileStore.js';
import type { LanguageModel } from '../../models/model.js';
import type { Tokenizer } from '../../text/index.js';
import type { distillOptions, fineTuneOptions } from '../settings.js';
import type { TeacherCache } from '../teacherCache/index.js';
import type { GivenTeachers } from '../teachers.js';

/** A held-out sample. */
export interface ValidationSample extends Sample {
  /** The answers that ROUGE-L compares with. Default: the sample's own response. */
  readonly references?: readonly string[];
}

/** What a run trains and validates on. */
export interface TrainingData {
  /** At least one sample. */
  readonly train: readonly Sample[];
  /** Without it there is no validation, and phi of an adaptive policy could not move. */
  readonly validation?: readonly ValidationSample[];
  /** Plain text: each step adds lmCoef times the cross-entropy of as many of these samples as the batch has. */
  readonly text?: readonly Sample[];
  /**
   * Name of the prompt template, as `readInstructions` gives it: checkpoints and the model keep it, see
   * `LanguageModel.promptTemplate`.
   */
  readonly template?: string;
}

/** What a run works with besides its settings, see `RunSettings`. */
interface RunObjects {
  /** As `readInstructions` gives it. */
  readonly data: TrainingData;
  /** For EOS, for ROUGE-L, and for the checkpoints' tokenizer files. */
  readonly tokenizer?: Tokenizer;
  /**
   * Folder (path or store) of the run. It gets states (`state-000120`), from which a resume goes on, and the Hugging
   * Face folders `best`, the model of the best validation so far (see `ValidationEvent.best`), and `last`, the newest.
   * States are written at validations or as `saveEvery` says, at the best validation and at the end; `keep` of them
   * stay. A folder that holds a run already is refused with a CheckpointError before anything is written, unless
   * `resume` is true; so is one to which another run writes.
   */
  readonly checkpoint?: string | FileStore;
  /**
   * Goes on from the newest whole state in `checkpoint`, with the models, settings and data that the run began with;
   * only the learning rate, gradientCheckpointing, onDeviceLoss, saveEvery and keep may be others. A state that is damaged is told by
   * a remark of the 'start' event, and the one before it taken. Where no run is there, it is an error. A run that is
   * finished ends at once, or goes on where it is given more steps or epochs. Default false.
   */
  readonly resume?: boolean;
  /**
   * A second folder, on another disk. Where the state cannot be written to `checkpoint`, as its disk is full or its folder
   * gone, the run waits and tries again (see `WaitingEvent`); when the wait ends by the signal, or after `waitForRoom`,
   * the state is written here, and a run can go on from it. After a failure that does not pass (a disk with errors, a
   * read-only one) that happens at once. A folder that holds a state already is refused; where another run has come to
   * write one meanwhile, this one's goes into a folder in it (`CheckpointEvent.fallback`).
   */
  readonly fallbackOut?: string | FileStore;
  /**
   * Stops after the step in progress (one that is still generating is dropped), writes the `last` checkpoint, and ends
   * the iteration with an 'end' event.
   */
  readonly signal?: AbortSignal;
}

/** What `fineTune` takes. */
export interface FineTuneOptions extends RunObjects, Readonly<z.input<typeof fineTuneOptions>> {
  /** Trained in place. Its parameters must be trainable (`loadModel(..., { trainable: true })`). */
  readonly model: LanguageModel;
}

/** What `distill` takes. */
export interface DistillOptions extends RunObjects, Readonly<z.input<typeof distillOptions>> {
  /** Trained in place. Its parameters must be trainable (`loadModel(..., { trainable: true })`). */
  readonly student: LanguageModel;
  /**
   * Frozen; on the student's device and with its tokenizer. Vocabularies that are padded to different sizes are compared up
   * to the smaller one, exactly as if both ended there. Either it, `teachers` or `teacherCache` is given.
   */
  readonly teacher?: LanguageModel;
  /**
   * Several teachers by their names, in place of `teacher`: each teaches the samples that name it, see `Sample.teacher` and
   * `readInstructions` with `teachers`. What holds for `teacher` holds for each. A step may have samples of several; its loss
   * is the mean over the tokens of all of them.
   */
  readonly teachers?: Readonly<Record<string, LanguageModel>>;
  /**
   * The teacher's predictions on `data.train`, as `openTeacherCache` gives them, in place of the teacher. The student is
   * compared with the likeliest tokens by name and with all others as one outcome; the loss is at most what the teacher itself
   * would give. The student's own answers cannot be learnt from: there are no predictions on them.
   */
  readonly teacherCache?: TeacherCache;
  /** Names the first tokens that differ when vocabularies do not match; the run says where the end tokens differ. */
  readonly teacherTokenizer?: Tokenizer;
  /** The same of `teachers`, by their names. */
  readonly teacherTokenizers?: Readonly<Record<string, Tokenizer>>;
}

/** What messages call the model that is trained: fine-tuning knows no student. */
export type Learner = 'student' | 'model';

export const learnerOf = ({
  teacher,
  teachers,
  teacherCache,
}: Pick<Participants, 'teacher' | 'teachers' | 'teacherCache'>): Learner =>
  teacher || teachers || teacherCache ? 'student' : 'model';

/** The objects of either kind of run. Neither a teacher nor a cache: fine-tuning. */
export interface Participants extends RunObjects, GivenTeachers {
  readonly student: LanguageModel;
  readonly teacherCache?: TeacherCache;
}
