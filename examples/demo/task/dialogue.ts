/** Invitations in dialogue form with one-sentence summaries. */
import type { Rng } from 'distillm';
import { chance, pick, pickSome } from './random.ts';
import type { TaskRecord } from './record.ts';

const names = ['Anna', 'Ben', 'Clara', 'David', 'Emma', 'Felix', 'Grace', 'Henry', 'Ida', 'Jack', 'Kate', 'Leo'];
const days = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];
const hours = ['noon', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight'];
/** What is proposed, and the same as a plan. */
const plans = [
  'go to the cinema',
  'play tennis',
  'have lunch',
  'visit the museum',
  'go swimming',
  'have a coffee',
  'study for the exam',
  'watch the game',
  'cook dinner',
  'walk in the park',
];
const refusals: readonly (readonly [string, string])[] = [
  ['I have to work', 'has to work'],
  ['I am ill', 'is ill'],
  ['I have no time', 'has no time'],
  ['I am away', 'is away'],
];
const instructions = [
  'Summarize the dialogue.',
  'Summarize this conversation in one sentence.',
  'Write a short summary of the chat.',
];

/** A short dialogue about a plan, accepted, moved or refused, and its summary in one sentence. */
export function dialogue(rng: Rng): TaskRecord {
  const [first, second] = pickSome(rng, names, 2) as [string, string];
  const [day, otherDay] = pickSome(rng, days, 2) as [string, string];
  const [hour, otherHour] = pickSome(rng, hours, 2) as [string, string];
  const plan = pick(rng, plans);
  const greeting = pick(rng, [`Hi ${second}!`, `Hello ${second},`, `${second},`]);
  const question = pick(rng, [`shall we ${plan} on ${day}?`, `do you want to ${plan} on ${day}?`]);
  const lines = [`${first}: ${greeting} ${question}`];
  let summary: string;
  const outcome = rng.int(4);
  if (outcome === 0) {
    const [said, reported] = pick(rng, refusals);
    lines.push(
      `${second}: Sorry, ${said} on ${day}.`,
      `${first}: ${pick(rng, ['What a pity.', 'Another time then.'])}`,
    );
    summary = `${second} cannot ${plan} with ${first} on ${day} because ${second} ${reported}.`;
  } else if (outcome === 1) {
    lines.push(
      `${second}: ${pick(rng, ['I cannot on', 'I am busy on'])} ${day}, what about ${otherDay}?`,
      `${first}: ${pick(rng, ['Fine', 'All right'])}, at ${hour}.`,
    );
    summary = `${first} and ${second} will ${plan} on ${otherDay} at ${hour}.`;
  } else {
    lines.push(`${second}: ${pick(rng, ['Yes, when?', 'Good idea, what time?', 'Sure, when do we meet?'])}`);
    if (chance(rng, 0.4)) {
      lines.push(`${first}: At ${hour}?`, `${second}: ${pick(rng, ['Better at', 'I prefer'])} ${otherHour}.`);
      summary = `${first} and ${second} will ${plan} on ${day} at ${otherHour}.`;
    } else {
      lines.push(`${first}: At ${hour}.`);
      summary = `${first} and ${second} will ${plan} on ${day} at ${hour}.`;
    }
  }
  return { instruction: pick(rng, instructions), input: lines.join('\n'), output: summary };
}
