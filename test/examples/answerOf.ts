import type { TaskRecord } from '../../examples/demo/task/record.ts';

/** The right answers to a record of the demo's task, worked out from instruction and input alone. */
export function answerOf({ instruction, input }: TaskRecord): string[] {
  if (/German/.test(instruction)) return [german(input)];
  if (/dialogue|conversation|chat/.test(instruction)) return [summary(input)];
  if (/opposite/.test(instruction)) return [input.split(', ').map(opposite).join(', ')];
  if (/both lists/.test(instruction)) return [shared(input)];
  if (/^How many|^Add/.test(instruction)) return [sum(input)];
  return [input.split(', ').toSorted().join(', ')];
}

const words = (text: string) => new Map(text.split(/\s+/).map((pair) => pair.split('=') as [string, string]));

const nouns = words(`dog=der:Hund man=der:Mann friend=der:Freund teacher=der:Lehrer tree=der:Baum table=der:Tisch
  cat=die:Katze woman=die:Frau flower=die:Blume street=die:Straße city=die:Stadt card=die:Karte
  child=das:Kind house=das:Haus book=das:Buch bread=das:Brot window=das:Fenster horse=das:Pferd`);
const others = words(`small=klein big=groß old=alt new=neu red=rot good=gut white=weiß young=jung
  sees=sieht buys=kauft finds=findet loves=liebt draws=malt knows=kennt looks=sucht brings=bringt
  today=heute tomorrow=morgen often=oft here=hier`);
const opposites = words(
  'hot=cold big=small old=new fast=slow happy=sad open=closed early=late full=empty light=dark hard=soft rich=poor clean=dirty',
);
const numbers =
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty'.split(
    ' ',
  );

/** Only masculine singulars show the accusative; ein- words leave the ending of the strong case to the adjective. */
function german(sentence: string): string {
  const english = sentence.toLowerCase().replace('.', '').replace('looks for', 'looks').split(' ');
  const verb = english.findIndex((word) => /^(sees|buys|finds|loves|draws|knows|looks|brings)$/.test(word));
  const last = english.at(-1) as string;
  const time = nouns.has(last) ? undefined : others.get(last);
  const object = english.slice(verb + 1, time === undefined ? undefined : -1);
  const phrases = [english.slice(0, verb), object].map((phrase, role) => {
    const [article, noun] = (nouns.get(phrase.at(-1) as string) as string).split(':') as [
      'der' | 'die' | 'das',
      string,
    ];
    const masculineObject = role === 1 && article === 'der';
    const isDefinite = phrase[0] === 'the';
    const indefinite = { der: masculineObject ? 'einen' : 'ein', die: 'eine', das: 'ein' }[article];
    const strong = { der: 'er', die: 'e', das: 'es' }[article];
    const ending = masculineObject ? 'en' : isDefinite ? 'e' : strong;
    const adjective = phrase.length === 3 ? [others.get(phrase[1] as string) + ending] : [];
    return [isDefinite ? (masculineObject ? 'den' : article) : indefinite, ...adjective, noun].join(' ');
  });
  const parts = [phrases[0], others.get(english[verb] as string), time, phrases[1]].filter(
    (part) => part !== undefined,
  );
  const text = parts.join(' ');
  return `${text[0]?.toUpperCase()}${text.slice(1)}.`;
}

function summary(dialogue: string): string {
  const [opening, answer, ...rest] = dialogue.split('\n') as [string, string, ...string[]];
  const [, first, plan, day] = opening.match(/^(\w+): .*(?:shall we|do you want to) (.+) on (\w+)\?$/) as string[];
  const second = answer.split(':')[0];
  const reason = answer.match(/Sorry, I (.+) on \w+\.$/)?.[1];
  if (reason) {
    const third = reason.replace(/^have/, 'has').replace(/^am/, 'is');
    return `${second} cannot ${plan} with ${first} on ${day} because ${second} ${third}.`;
  }
  const moved = answer.match(/what about (\w+)\?$/)?.[1];
  const hour = rest.at(-1)?.match(/(\w+)\.$/)?.[1];
  return `${first} and ${second} will ${plan} on ${moved ?? day} at ${hour}.`;
}

function opposite(word: string): string {
  const back = [...opposites].find(([, right]) => right === word)?.[0];
  return opposites.get(word) ?? (back as string);
}

function shared(input: string): string {
  const [first, second] = input.split('; ').map((list) => list.split(', ')) as [string[], string[]];
  return first.filter((word) => second.includes(word)).join(', ') || 'nothing';
}

function sum(input: string): string {
  const found = input.match(/^(?:(\w+) has )?(\w+) (?:and (\w+) )?(\w+?)(?: and gets (\w+) more\.)?$/);
  const [, name, a, b, things, more] = found as (string | undefined)[];
  const total = numbers[numbers.indexOf(a as string) + numbers.indexOf((b ?? more) as string)];
  return name ? `${name} has ${total} ${things}.` : `${total} ${things}`;
}
