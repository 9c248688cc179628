/** `distillm data`: says what data files hold, shows samples, finds what comes twice, and writes them anew as JSON lines. */
import {
  type createChatTemplate,
  DataError,
  type DataSurvey,
  OptionError,
  promptTemplates,
  surveyData,
} from '../../index.js';
import { defineCommand } from '../command.js';
import { convert } from '../convert.js';
import { kindOfData, recordNames, recordOptions } from '../data.js';
import { exitCodes } from '../exitCodes.js';
import { counted, whole } from '../format.js';
import { tryInputs } from '../inputs.js';
import { findTokenizer, tokenizerWords } from '../models.js';
import { count, countOrZero, flag, given, optional, text, withDefault } from '../options.js';
import { recordsFile, tryApart, tryFile } from '../outputs.js';
import { progressLine } from '../progress.js';
import type { Rule } from '../rules.js';
import { surveyLines } from '../surveyLines.js';
import { chooseTemplate, templateOption } from '../template.js';

const rules: readonly Rule[] = [
  ({ validation, heldOut }) => {
    if ((validation === undefined) === (heldOut === undefined)) return undefined;
    return heldOut === undefined
      ? '--validation holds records out, which go into --held-out <file>. Give both, or neither.'
      : '--held-out gets the records that --validation <number> holds out. Give both, or neither.';
  },
  ({ heldOut, out }) =>
    heldOut === undefined || out !== undefined
      ? undefined
      : '--held-out gets some of the records, and the others go into --out <file>. Give it too.',
  ({ maxPromptLength, maxLength }) =>
    maxPromptLength === undefined || maxLength === undefined || Number(maxPromptLength) < Number(maxLength)
      ? undefined
      : `--max-length is ${maxLength}, expected more than --max-prompt-length (${maxPromptLength}).`,
  ({ maxPromptLength, maxLength, tokenizer }) => {
    if (tokenizer !== undefined || (maxPromptLength === undefined && maxLength === undefined)) return undefined;
    return `${maxLength === undefined ? '--max-prompt-length' : '--max-length'} counts tokens: give --tokenizer <source> too.`;
  },
];

export const data = defineCommand({
  name: 'data',
  summary: 'says what data files hold, finds duplicates, and writes them as JSON lines',
  description:
    'Reads data files to their end and says of each what its records are, how long they are, what the length limits would cut, ' +
    'which records cannot be used and why, and how the first sample looks in its template, with what is learnt of it between ' +
    'brackets. Several files are compared: questions of one that another has too. With --out the records are written as JSON ' +
    'lines of instruction, input and output. The exit code is 1 where records cannot be used.',
  example: [
    'distillm data dolly.jsonl',
    'distillm data train.jsonl valid.jsonl --tokenizer ./gpt2 --show 3',
    'distillm data IWSLT17.TED.tst2015.en-de.en.xml --template t5 --out tst2015.jsonl',
    'distillm data samsum.json --out train.jsonl.gz --validation 500 --held-out valid.jsonl',
  ].join('\n'),
  words: '<files...>',
  options: {
    Data: {
      ...recordOptions,
      tokenizer: optional('<source>', text, `counts tokens by this one: ${tokenizerWords} (default: characters)`),
      template: templateOption,
      maxPromptLength: optional('<tokens>', count, 'longer prompts count as cut (default: 256)'),
      maxLength: optional('<tokens>', count, 'longer sequences count as cut (default: 512)'),
      show: withDefault('<number>', countOrZero, 'so many samples of each file', 1),
      json: flag('one line of JSON'),
    },
    Output: {
      out: optional(
        '<file>',
        text,
        'writes the records of all files, as JSON lines; packed where the name ends in .gz',
      ),
      validation: optional('<number>', count, 'so many records are held out: the same ones that train would hold out'),
      heldOut: optional('<file>', text, 'where these go'),
    },
  },
  rules,
  async run({ tokenizer: named, template: wanted, show, json, skipInvalid, ...options }, terminal, files) {
    const { out, heldOut, validation, maxPromptLength, maxLength } = options;
    tryInputs('', files);
    tryApart({ '--out': out, '--held-out': heldOut });
    if (out !== undefined) tryFile('--out', out, recordsFile, files);
    if (heldOut !== undefined) tryFile('--held-out', heldOut, recordsFile, files);
    const tokenizer = named === undefined ? undefined : await findTokenizer(named, []);
    // What is wrong with a file is told by the survey.
    const areChats = await kindOfData(files, options).then(
      (kind) => kind.areChats,
      () => false,
    );
    const template = await templateOf(wanted, tokenizer, areChats);
    const line = progressLine(terminal);
    const begun = performance.now();
    const survey = await surveyData(files, {
      ...recordNames(options),
      ...given({ tokenizer, template, maxPromptLength, maxLength }),
      samples: show,
      onProgress: ({ name, records }) => {
        // Most files are read before anyone could wonder.
        if (records > 0 && performance.now() - begun > waits)
          line.update(`${name}: ${counted(records, 'record')} so far`);
      },
    });
    line.done();
    const { stdout } = terminal;
    if (json) stdout.write(`${JSON.stringify(withoutIds(survey))}\n`);
    else
      for (const each of surveyLines(survey, { stdout, tokenizer, template, maxPromptLength, maxLength }))
        stdout.write(`${each}\n`);
    const invalid = survey.files.reduce((sum, { skipped }) => sum + skipped.count, 0);
    const isWhole = invalid === 0 || skipInvalid;
    const none = survey.files.find(({ records }) => records === 0);
    if (isWhole && none) {
      const what = none.kind === 'text' ? 'text' : 'instruction';
      throw new DataError(`${none.name} holds no ${what}. Check that it is the right file.`, { found: 0 });
    }
    if (out === undefined) return isWhole ? exitCodes.done : exitCodes.failed;
    if (!isWhole) {
      throw new DataError(
        `${counted(invalid, 'record')} cannot be used, so --out ${out} was not written. Correct them, or leave them out by --skip-invalid.`,
        { found: invalid },
      );
    }
    requireRecords(survey, validation);
    const written = await convert(files, {
      ...recordNames(options),
      total: recordsOf(survey),
      out,
      heldOut,
      validation,
    });
    for (const [path, records] of written) terminal.stderr.write(`Wrote ${path}: ${counted(records, 'record')}.\n`);
    return exitCodes.done;
  },
});

/** Milliseconds after which people are told how far it is. */
const waits = 3000;

/** Without a tokenizer there is no chat template: conversations are then shown as they are said. */
async function templateOf(
  wanted: Parameters<typeof chooseTemplate>[0],
  tokenizer: Parameters<typeof createChatTemplate>[0] | undefined,
  areChats: boolean,
) {
  if (tokenizer) return chooseTemplate(wanted, [], { tokenizer, areChats });
  if (wanted !== 'chat') return promptTemplates[wanted ?? 'alpaca'];
  throw new OptionError('--template chat is that of a tokenizer: give --tokenizer <source> too.');
}

const recordsOf = ({ files }: DataSurvey): number => files.reduce((sum, { records }) => sum + records, 0);

function requireRecords(survey: DataSurvey, validation = 0): void {
  const textual = survey.files.find(({ kind }) => kind === 'text');
  if (textual) {
    throw new OptionError(
      `--out writes records of questions and answers, and ${textual.name} is plain text. Leave it out.`,
      {
        found: textual.name,
      },
    );
  }
  const records = recordsOf(survey);
  if (records > validation) return;
  throw new OptionError(
    `--validation is ${validation}, and the files have ${whole(records)} records: none would be left. Lower it.`,
    { found: validation, expected: records },
  );
}

/** Ids are for models; a sample says how many there are. */
const withoutIds = ({ files, shared }: DataSurvey) => ({
  files: files.map(({ samples, ...file }) => ({
    ...file,
    samples: samples.map(({ example, ...sample }) => ({
      ...sample,
      ...(example && { tokens: example.ids.length, promptTokens: example.promptLength }),
    })),
  })),
  shared,
});
