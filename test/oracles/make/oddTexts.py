"""Texts that scores trip over, for the oracles of test/oracles/metrics: scripts, cases, white space, marks, numbers."""

TEXTS = [
    "", " ", "\n", "a", "A", "the", "The the THE", "...", "!?", "$", "-", "'", "\u00ab", "\u2026",
    "The cat sat on the mat.", "the cat sat on the mat", "The Cat Sat On The Mat!", "A cat; an apple, the end.",
    "It's 5 o'clock; U.S. time", "its 5 oclock US time", "can't won't don't I'm you're", "rock'n'roll", "state-of-the-art",
    "3.14 is pi, 1,000,000 is not; -5 < 3 <= 4", "3.14 is pi , 1 , 000 , 000 is not", "$5.00 or 5\u20ac or \u00a35?", "50% of 1/2 = 0.25",
    "12-14 May 2024", "2nd 3RD 4th", "1e-5 + 2E10", "\u00bd cup, x\u00b2 + y\u00b3", "\u0661\u0662\u0663 \u2160\u2161 \u2460",
    "na\u00efve caf\u00e9 stra\u00dfe", "NA\u00cfVE CAF\u00c9 STRASSE", "e\u0301t\u00e9 the\u0301 the", "\u0130stanbul \u0131\u015f\u0131k I i",
    "\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2 \u03a3\u0391\u03a3", "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440! \u041a\u0430\u043a \u0434\u0435\u043b\u0430?", "\u043f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440",
    "\u5317\u4eac\u662f\u4e2d\u56fd\u7684\u9996\u90fd\u3002", "\u5317\u4eac \u662f \u4e2d\u56fd \u7684 \u9996\u90fd", "\u6771\u4eac\u306f\u65e5\u672c\u306e\u9996\u90fd\u3067\u3059\u3002\u300c\u306f\u3044\u300d",
    "\uc548\ub155\ud558\uc138\uc694, \uc138\uacc4!", "\u0645\u0631\u062d\u0628\u0627\u060c \u0623\u0647\u0644\u0627\u061f", "\u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e\u0964", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e0a\u0e32\u0e27\u0e42\u0e25\u0e01",
    "\U0001f600 smile \U0001f468\u200d\U0001f469\u200d\U0001f467 family \U0001f1e9\U0001f1ea", "\U00020000\U0001d400 astral", "\uff21\uff22\uff23 full\u3000width\uff01",
    "tab\tand\x0bvt\x0cff\rcr\x1cfs\x85nel\u2028ls\u3000end ", "  leading and trailing \n", "two\n\nparagraphs\nand lines", "soft\u00adhyphen zero\u200bwidth \ufeffbom",
    "&quot;Quoted&quot; &amp; &lt;tag&gt; <skipped>", "end of line-\nbreak and re-\n\nbreak", "{curly} [square] (round) ~tilde `tick` ^caret _under_",
    "\u201csmart\u201d \u2018quotes\u2019 \u2013 dash \u2014 long", "a.b.c. e.g. i.e. Dr. Who", "http://example.org/a?b=c&d=e#f", "foo_bar fooBar FOO",
    "The the a an A AN the.the a-an", "theatre another a1 the_ _the", "carefully dying days generally hoped happily", "careful die day general hope happy",
    "word " * 40, "one two three four five six seven eight nine ten", "ten nine eight seven six five four three two one",
    "It rains.\nThe cat sleeps.", "The cat sleeps.\nIt rains.", "the the the the the the the", "the cat is on the mat the end",
]


def pairs(rng):
    """Each text beside itself, its neighbours, and some that are drawn: predictions with one to three references."""
    found = []
    for i, text in enumerate(TEXTS):
        near = TEXTS[(i + 1) % len(TEXTS)]
        found.append((text, [near]))
        found.append((near, [text, rng.choice(TEXTS)]))
        if i % 3 == 0:
            found.append((text, [text]))
    for _ in range(60):
        mixed = " ".join(rng.choices(TEXTS, k=rng.randint(1, 3)))
        found.append((mixed, [" ".join(rng.choices(TEXTS, k=rng.randint(1, 3))) for _ in range(rng.randint(1, 3))]))
    return found
