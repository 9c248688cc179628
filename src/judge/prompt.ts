/**
 * What a judge is asked, and how its reply is read. The question is the one of Vicuna's evaluation (Chiang et al., 2023;
 * github.com/lm-sys/FastChat) in the words for instructions with inputs, by which MiniLLM (Gu et al., 2024) and DistiLLM (Ko
 * et al., 2024) have GPT-4 give its feedback: scores from 1 to 10 for two answers, and only then the reasons.
 */

/** A message of a chat. */
export interface JudgeMessage {
  readonly role: 'system' | 'user';
  readonly content: string;
}

/** A prompt, and the two answers to it that are scored. */
export interface JudgeQuestion {
  readonly instruction: string;
  /** '' where there is none. */
  readonly input: string;
  readonly answers: readonly [first: string, second: string];
}

const system = 'You are a helpful and precise assistant for checking the quality of the answer.';
const request =
  'We would like to request your feedback on the performance of two AI assistants in response to the user instruction ' +
  'and input displayed above.\n' +
  'Please rate the helpfulness, relevance, accuracy, and level of detail of their responses. Each assistant receives an ' +
  'overall score on a scale of 1 to 10, where a higher score indicates better overall performance.\n' +
  'Please first output a single line containing only two values indicating the scores for Assistant 1 and 2, ' +
  'respectively. The two scores are separated by a space. In the subsequent line, please provide a comprehensive ' +
  'explanation of your evaluation, avoiding any potential bias and ensuring that the order in which the responses were ' +
  'presented does not affect your judgment.';

export function messagesFor({ instruction, input, answers }: JudgeQuestion): readonly JudgeMessage[] {
  const parts = [
    `[Instruction]\n${instruction}`,
    ...(input === '' ? [] : [`[Input]\n${input}`]),
    ...answers.map((answer, i) => {
      const name = `Assistant ${i + 1}'s Answer`;
      return `[The Start of ${name}]\n${answer}\n\n[The End of ${name}]`;
    }),
    `[System]\n${request}`,
  ];
  return [
    { role: 'system', content: system },
    { role: 'user', content: `${parts.join('\n\n')}\n\n` },
  ];
}

/** Two numbers and nothing else, with what models like to put around them: commas, bold type, "8/10". */
const twoScores = /^[\s*_([]*(\d+(?:\.\d+)?)(?:\s*\/\s*10)?[\s,*]+(\d+(?:\.\d+)?)(?:\s*\/\s*10)?[\s*_.)\]]*$/;

/**
 * The two scores of a reply: its first line, after what a reasoning model thought aloud. undefined where they are not there,
 * or not from 1 to 10.
 */
export function scoresIn(reply: string): readonly [first: number, second: number] | undefined {
  const said = reply.replace(/^\s*<think>.*?<\/think>/s, '');
  const line = said.split('\n').find((each) => each.trim() !== '') ?? '';
  const [, first, second] = twoScores.exec(line.trim()) ?? [];
  const scores = [Number(first), Number(second)] as const;
  return scores.every((score) => score >= 1 && score <= 10) ? scores : undefined;
}
