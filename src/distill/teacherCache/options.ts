/** The options of a teacher cache that are data: the API, the command line and its help read them. */
import * as z from 'zod';
import { option, ranges } from '../../settings/index.js';

/** What of the predictions is kept, and how they are made: the command line has the same. */
export const cachingOptions = z.strictObject({
  topK: option(ranges.count.default(64), 'likeliest tokens of each prediction that are kept', { unit: 'tokens' }),
  temperature: option(
    ranges.positiveF32.default(1),
    "divides the teacher's logits: that of the loss that students are to be trained by",
    { flag: 'lossTemperature' },
  ),
  vocabSize: option(
    ranges.count.optional(),
    'tokens that are predicted, the first of the head: that of a student whose vocabulary is padded less',
    { unit: 'tokens', defaultWords: "all of the teacher's" },
  ),
  batchSize: option(ranges.count.default(8), 'sequences in one forward pass'),
  partRows: option(
    ranges.count.default(16_384),
    'predicted tokens in one file: each is written when it is whole, so that a kill loses no more than their time',
    { unit: 'tokens' },
  ),
});
