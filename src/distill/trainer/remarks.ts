/**
 * What a run says to people besides its numbers: where settings and data do something that is easily missed. Nothing
 * here is an error. A remark says what is so, and what to set where that is not what was meant.
 */
import type { Sample } from '../../data/batch.js';
import { createChatTemplate } from '../../data/chat/chatTemplate.js';
import { learntHeader } from '../../data/chat/learntHeader.js';
import { counted, countedOf, rounded, whole } from '../../errors.js';
import { quoted } from '../../inWords.js';
import { hasRougeWords } from '../../metrics/index.js';
import { usualPadding } from '../../models/checkTokenizer.js';
import type { LanguageModel } from '../../models/model.js';
import { eosDifference, tokenInWords } from '../../text/compareTokenizers.js';
import type { Tokenizer } from '../../text/index.js';
import { type RunOptions, type RunSettings, readsAnswers } from '../settings.js';
import { dataOnly, policyFacts } from '../sgo/index.js';
import { calledTeacher, ofTeacher, type Teacher, teachersOf } from '../teachers.js';
import { hasAnswer } from './checkData.js';
import { learnerOf, type Participants } from './options.js';
import type { Plan } from './plan.js';
import type { Answered, RunState } from './runState.js';
import { referencesOf } from './validation.js';

/** What can be said before the first step. */
export function startRemarks(run: Participants, settings: RunSettings): string[] {
  return [
    leftOut(run, settings),
    unanswered(run, settings),
    unansweredValidation(run),
    readsAnswers(settings) ? emptyAnswers(run, 'training', run.data.train) : undefined,
    emptyAnswers(run, 'validation', run.data.validation),
    smallDivergence(settings),
    idleTeachers(run),
    ...teachersOf(run).map((teacher) => otherEnd(run, teacher)),
    otherTemplate(run),
    learntHeaders(run),
    modelEnd(`The ${learnerOf(run)}`, run.student, run.tokenizer),
    ...teachersOf(run).map((teacher) =>
      modelEnd(atBeginning(calledTeacher(teacher)), teacher.model, teacher.tokenizer ?? run.tokenizer),
    ),
    padding(run),
    unknownScript(run, settings),
  ].filter((remark) => remark !== undefined);
}

/** What can be said of a run that has finished. */
export function endRemarks(plan: Plan, run: Pick<RunState, 'replay' | 'sgo' | 'soundness' | 'said'>): string[] {
  return [
    skipped(plan, run),
    strayed(plan, run),
    unused(plan, run),
    silent(plan, 'The student outputs that were trained on', run.said.outputs),
    silent(plan, 'The scored answers of the last validation', run.said.validation),
  ].filter((remark) => remark !== undefined);
}

/** A student that has learnt to end at once learns nothing from what it says, and its scores say little. */
function silent({ learner }: Plan, called: string, { answers, empty }: Answered): string | undefined {
  if (answers === 0 || empty < answers) return undefined;
  return (
    `${called} are all empty (${whole(empty)}): the ${learner} ends each at once. Check that the answers of the data are not ` +
    'empty; else train longer, or lower optimizer.lr.'
  );
}

function skipped({ settings }: Plan, { soundness }: Pick<RunState, 'soundness'>): string | undefined {
  if (soundness.skipped === 0) return undefined;
  return (
    `${countedOf(soundness.skipped, settings.steps, 'step', 'were')} skipped, as the loss or a gradient was not finite. ` +
    'Lower optimizer.lr or optimizer.clipGradNorm, or set warmupSteps.'
  );
}

function strayed(
  { learner }: Plan,
  { soundness: { strayedAt, good } }: Pick<RunState, 'soundness'>,
): string | undefined {
  if (strayedAt === undefined) return undefined;
  const back = good === undefined ? '' : ` The newest state from before that is of step ${whole(good)}.`;
  return (
    `The validation loss has been far above that of a blind guess since step ${whole(strayedAt)}: the ${learner} is ` +
    `broken.${back} Lower optimizer.lr, or set warmupSteps.`
  );
}

function unused({ sgo, settings }: Plan, { replay, sgo: state }: Pick<RunState, 'replay' | 'sgo'>): string | undefined {
  // Whatever the student generates goes into the buffer, and nothing leaves it without something else coming in.
  if (!policyFacts(sgo).usesValidation || !replay || replay.size > 0) return undefined;
  return (
    `Of ${counted(settings.steps, 'step')} none trained on student outputs: phi was ${rounded(state.phi)} at the end, and ` +
    'it rises only where the validation loss rises. For student outputs from the first step on, set sgo.initThreshold ' +
    '(0.2 to 0.4); for earlier raises, lower sgo.lossEps or validate more often (validation.every).'
  );
}

function leftOut({ data: { train } }: Participants, { batchSize, gradAccumulationSteps }: RunSettings) {
  const batch = batchSize * gradAccumulationSteps;
  const rest = train.length % batch;
  if (train.length < batch || rest === 0) return undefined;
  return (
    `${countedOf(rest, train.length, 'record', 'are')} left out of each epoch, by turns: what fills no whole batch of ` +
    `${whole(batch)} is not trained on. With a batchSize that divides the number of records none is.`
  );
}

const goOn = 'give samples whose ids go on after promptLength.';

function unanswered(run: Participants, settings: RunSettings): string | undefined {
  if (!readsAnswers(settings)) return undefined;
  const { generates } = policyFacts(settings.sgo ?? dataOnly());
  const { train } = run.data;
  const without = train.filter((sample) => !hasAnswer(sample)).length;
  if (without === 0) return undefined;
  const unless = generates ? `, unless the ${learnerOf(run)} answers their prompts` : '';
  return (
    `${countedOf(without, train.length, 'training sample', 'have')} no token of an answer: a step learns nothing from ` +
    `such samples${unless}. Leave them out, or ${goOn}`
  );
}

/** A loss over no tokens is no loss; `checkRun` refuses runs that need one. */
function unansweredValidation({ data: { validation = [] } }: Participants): string | undefined {
  const without = validation.filter((sample) => !hasAnswer(sample)).length;
  if (without === 0) return undefined;
  if (without < validation.length) {
    return (
      `${countedOf(without, validation.length, 'validation sample', 'have')} no token of an answer: the validation loss ` +
      `is that of the others. Leave such samples out, or ${goOn}`
    );
  }
  return (
    `Of ${counted(validation.length, 'validation sample')} none has a token of an answer: there is no validation loss, ` +
    `only scores of answers. For a loss ${goOn}`
  );
}

/** Nothing but the token that ends an answer. */
function emptyAnswers({ tokenizer, ...run }: Participants, set: string, samples: readonly Sample[] = []) {
  const ends = new Set(tokenizer?.eosTokenIds);
  const isEmpty = ({ ids, promptLength }: Sample) => ids.subarray(promptLength).every((id) => ends.has(id));
  const empty = samples.filter((sample) => hasAnswer(sample) && isEmpty(sample)).length;
  if (empty === 0) return undefined;
  return (
    `${countedOf(empty, samples.length, `${set} sample`, 'have')} an empty answer: there the ${learnerOf(run)} is to end at ` +
    'once. Leave such records out where that is not meant.'
  );
}

/** The divergence's gradient shrinks with the square of the temperature, the cross-entropy's beside it does not. */
function smallDivergence({ loss, kdRatio = 0 }: RunOptions | RunSettings): string | undefined {
  if (!loss || loss.temperature === 1 || loss.temperatureSquared || kdRatio === 0 || kdRatio === 1) return undefined;
  return (
    `The divergence is not multiplied by the square of loss.temperature (${loss.temperature}), so its gradient counts ` +
    `about ${rounded(loss.temperature ** 2)} times less beside cross-entropy than at 1. Set loss.temperatureSquared, or ` +
    'raise kdRatio, where that is not meant.'
  );
}

/** A teacher that is held in memory for nothing: more often a name that is written differently in the data. */
function idleTeachers({ data: { train }, teachers }: Participants): string | undefined {
  const named = new Set(train.map(({ teacher }) => teacher));
  const idle = Object.keys(teachers ?? {}).filter((name) => !named.has(name));
  if (idle.length === 0) return undefined;
  const [subject, it] = idle.length === 1 ? ['teacher', 'it'] : ['teachers', 'them'];
  return (
    `No record that is trained on names the ${subject} ${idle.map(quoted).join(', ')}: nothing is learnt from ${it}. Leave ${it} out, or ` +
    'check the names in the data.'
  );
}

const atBeginning = (words: string): string => words.replace(/^./, (first) => first.toUpperCase());

function otherEnd({ tokenizer }: Participants, teacher: Teacher): string | undefined {
  const difference = tokenizer && teacher.tokenizer && eosDifference(tokenizer, teacher.tokenizer);
  return (
    difference &&
    `The student ends its answers with ${difference[0]}, ${calledTeacher(teacher)} with ${difference[1]}: at the end of an answer the ` +
      'teacher expects another token. Give tokenizer the end token that the teacher was trained with.'
  );
}

/** A model answers best to prompts in the template that it was trained with. */
function otherTemplate(run: Participants): string | undefined {
  const { data, student, tokenizer } = run;
  const { template } = data;
  if (template === undefined) return undefined;
  const teachers = teachersOf(run);
  const ours = tokenizer?.chatTemplates.get('default');
  const other = teachers.find((teacher) => {
    const theirs = teacher.tokenizer?.chatTemplates.get('default');
    return theirs !== undefined && theirs !== ours;
  });
  if (template === 'chat' && ours !== undefined && other) {
    return (
      `${atBeginning(ofTeacher('chat template', other))} is another than the student's, in which the data are read: a teacher ` +
      'predicts less well what it was not trained on. Give the student the chat template of the teacher (chat_template.jinja in its ' +
      'folder).'
    );
  }
  const trained = [
    ['the student', student.promptTemplate] as const,
    ...teachers.map((teacher) => [calledTeacher(teacher), teacher.model.promptTemplate] as const),
  ];
  const others = trained.filter(([, own]) => own !== undefined && own !== template);
  // One that is trained anew learns the template of its data.
  if (others.every(([who]) => who === 'the student')) return undefined;
  return (
    `The prompts are in the template '${template}'; ${others.map(([who, own]) => `${who} was trained with '${own}'`).join(', ')}: ` +
    'a teacher predicts less well what it was not trained on. Read the data in its template, or train both with one.'
  );
}

/** A template that does not say where an answer begins leaves it to the model to say who speaks. */
function learntHeaders(run: Participants): string | undefined {
  const { data, tokenizer } = run;
  if (data.template !== 'chat' || !tokenizer?.chatTemplates.has('default')) return undefined;
  const header = learntHeader(createChatTemplate(tokenizer));
  if (header === undefined) return undefined;
  return (
    `The chat template ignores add_generation_prompt: the ${learnerOf(run)} is to write ${quoted(header)} itself before each ` +
    'answer, and its answers begin so. Give the tokenizer a template that writes it where add_generation_prompt is set.'
  );
}

/** What a model ends with by its config.json: an encoder's prompts end so, and other programs stop there. */
function modelEnd(called: string, { config }: LanguageModel, tokenizer: Tokenizer | undefined): string | undefined {
  const ends = [config.eos_token_id].flat().filter((id) => typeof id === 'number');
  const id = tokenizer?.eosTokenId;
  if (!tokenizer || id === undefined || ends.length === 0 || ends.includes(id)) return undefined;
  const [end = 0] = ends;
  return (
    `${called} ends with ${tokenInWords(tokenizer.idToToken(end))} (id ${end}: eos_token_id of its config.json), the ` +
    `tokenizer with ${tokenInWords(tokenizer.idToToken(id))} (id ${id}). Make the model with eos_token_id ${id}, or take ` +
    'the tokenizer that it was made for.'
  );
}

function padding(run: Participants): string | undefined {
  const { student, tokenizer } = run;
  if (!tokenizer) return undefined;
  const spare = student.vocabSize - tokenizer.vocabSize;
  if (spare <= usualPadding(tokenizer.vocabSize)) return undefined;
  return (
    `The vocabulary of the ${learnerOf(run)} has ${whole(student.vocabSize)} rows, the tokenizer ` +
    `${whole(tokenizer.vocabSize)} tokens: ${whole(spare)} rows of the embedding belong to no token. Check that the ` +
    `tokenizer is the one that the ${learnerOf(run)} was made for.`
  );
}

function unknownScript(run: Participants, { validation }: RunSettings): string | undefined {
  const { data, tokenizer } = run;
  const { samples } = validation.rougeL;
  if (samples === 0 || !tokenizer) return undefined;
  const scored = (data.validation ?? []).slice(0, samples);
  const unknown = scored.filter((sample) => {
    const references = referencesOf(sample, tokenizer);
    return references.some((text) => text.trim() !== '') && !references.some(hasRougeWords);
  }).length;
  if (unknown === 0) return undefined;
  const chooses = validation.bestBy === 'rougeL' ? ', and it chooses the best' : '';
  return (
    `${countedOf(unknown, scored.length, 'scored validation sample', 'have')} no reference with a word of a to z or ` +
    `digits, all that ROUGE-L knows: it is 0 there whatever the ${learnerOf(run)} says${chooses}. For such scripts set ` +
    "validation.bestBy to 'exactMatch' or 'loss'."
  );
}
