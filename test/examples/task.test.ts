import { describe, expect, it } from 'vitest';
import { generateTask } from '../../examples/demo/task/generateTask.ts';
import type { TaskRecord } from '../../examples/demo/task/record.ts';
import { answerOf } from './answerOf.js';

const small = { teacherPairs: 3000, studentPairs: 600, heldOutPairs: 300 };
const task = generateTask({ seed: 1, ...small });
const keyOf = ({ instruction, input }: TaskRecord) => `${instruction}\n${input}`;
const wrong = (records: readonly TaskRecord[]) => records.filter((record) => !answerOf(record).includes(record.output));

describe('generateTask', () => {
  it('is a function of its options', () => {
    expect(generateTask({ seed: 1, ...small })).toEqual(task);
  });

  it('draws other pairs for the students for another seed, and leaves the rest', () => {
    const other = generateTask({ seed: 2, ...small });
    expect(other.student).not.toEqual(task.student);
    expect([other.teacher, other.heldOut]).toEqual([task.teacher, task.heldOut]);
    expect(generateTask({ seed: 1, ...small, teacherPairs: 0 }).student).toEqual(task.student);
  });

  it('holds out pairs that differ from one another and occur in neither training set', () => {
    const heldOut = new Set(task.heldOut.map(keyOf));
    expect(heldOut.size).toBe(300);
    expect([...task.teacher, ...task.student].filter((record) => heldOut.has(keyOf(record)))).toEqual([]);
  });

  it('answers every kind of task rightly', () => {
    expect(wrong([...task.teacher, ...task.heldOut])).toEqual([]);
    const first = (text: string) => task.heldOut.some(({ instruction }) => instruction.startsWith(text));
    for (const kind of ['Translate', 'Summarize', 'Write the opposite', 'Sort', 'What is on both', 'Add']) {
      expect(first(kind), kind).toBe(true);
    }
  });

  it('spoils the share of answers that was asked for, and only answers', () => {
    const { student } = task;
    expect(student).toHaveLength(600);
    const share = wrong(student).length / student.length;
    // 30% drawn, binomial: 0.3 +- 3 * 0.0187; a spoilt answer can be right by chance.
    expect(share).toBeGreaterThan(0.24);
    expect(share).toBeLessThan(0.36);
    const clean = generateTask({ seed: 1, ...small, spoilt: 0 });
    expect(wrong(clean.student)).toEqual([]);
    expect(clean.student.map(keyOf)).toEqual(student.map(keyOf));
  });
});
