/**
 * From files to samples: JSON lines become instructions, a template renders their prompts, the tokenizer encodes
 * prompt and response as one sequence. Nothing here knows a model or a device.
 */

export type { LabelledBatch, Sample, TokenBatch } from './batch.js';
export type { ChatMessage, ChatPrompt, ChatRole } from './chat/messages.js';
export { type EncodeInstructionOptions, type Example, encodeInstruction } from './encodeInstruction.js';
export type { HoldOutOrder } from './holdOut.js';
export type { InstructionFields } from './instructionFields.js';
export { type Instruction, type ReadRecordsOptions, type RecordKind, recordKind } from './instructions.js';
export type { Question } from './question.js';
export { type InstructionData, type ReadInstructionsOptions, readInstructions } from './readInstructions.js';
export { readPrompts } from './readPrompts.js';
export { type DataConversation, type DataQuestion, type DataRecord, readRecords } from './readRecords.js';
export { type ReadTextOptions, readText } from './readText.js';
export { readTokenizerTexts } from './readTokenizerTexts.js';
export type { SkipInvalid, SkippedRecords } from './records.js';
export { savedTemplate } from './savedTemplate.js';
export type { GivenRecords, GivenText, TextSource, TextSources } from './source.js';
export type { SharedQuestion, SharedQuestions } from './survey/duplicates.js';
export type { Lengths } from './survey/lengths.js';
export {
  type DataSurvey,
  type FileSurvey,
  type SurveyDataOptions,
  type SurveyProgress,
  type SurveySample,
  surveyData,
} from './survey/surveyData.js';
export type { TeacherField } from './teacherField.js';
export {
  alpacaTemplate,
  compactTemplate,
  type PromptFields,
  type PromptTemplate,
  type PromptTemplateName,
  promptTemplates,
  type TemplateChoice,
} from './template.js';
