# SPDX-License-Identifier: Apache-2.0
"""Texts that the golden data of a real tokenizer and model is made from."""
import random

CODE = """static size_t count_words(const char *text)
{
    size_t n = 0;
    for (bool in = false; *text != '\\0'; text++) {
        bool word = !isspace((unsigned char)*text);
        n += word && !in;
        in = word;
    }
    return n;
}
"""

POLISH = "Zażółć gęślą jaźń. Wisła płynie z Beskidów przez Kraków i Warszawę aż do"

CHINESE = "长江是中国最长的河流，全长约6300公里。它发源于青藏高原，最后流入"

EMOJI = "Weather today: ☀️🌧️ then 🌈! My family 👨‍👩‍👧‍👦 says 👍🏽 and waves 🇵🇱🇯🇵. Tomorrow:"

SPACES = "name      qty    price\nbolt       12     0.35\nnut         7     0.20\n\n\n  \t washer \t\t  100\r\n    total"

NUMBERS = "1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987, 1597, 2584,"

CHAT = ("<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        "<|im_start|>user\nName three colours of a rainbow.<|im_end|>\n<|im_start|>assistant\n")

RIVER = """A river begins where rain and melting snow can no longer sink into the ground. The water
gathers in a hollow, spills over the lowest edge and runs downhill, taking grains of sand with it. On
steep ground it runs fast and straight and cuts a narrow valley. On a plain it slows down, and every
small bend grows: the current is quicker on the outer bank, which it wears away, and slower on the inner
one, where it drops what it carried. After some centuries the loop is so wide that a flood takes the
short way across its neck. The loop is then left behind as a curved lake, and the river starts again.

People learned early to live with this. They built on the outer banks, where the water was deep enough
for boats, and put their fields on the inner ones, where the soil was new. They raised walls of earth
against the spring floods, and then they had to raise them again, since the bed between two walls rises
as well. A town could find itself below the river that fed it. In dry years the same people argued about
who might open which gate, on which day and for how long, and some of the oldest laws that we can still
read are lists of such days. The gauges on the bridges are younger, and so are the maps on which every house
is marked with the year in which the water reached its door, and with the number of days that it stayed.
"""


def long_text(seed):
    """About 1500 tokens of prose, lists, numbers and code that do not repeat word for word."""
    rng = random.Random(seed)
    things = "bridge mill ferry lock harbour well tower market school orchard".split()
    verbs = "repaired painted measured closed opened sold flooded photographed".split()
    people = "Anna Bartek Chen Divya Emil Fatima Goro Hanna Ivo Jadwiga".split()
    parts = [RIVER]
    for year in range(1871, 1926):
        who, thing, verb = rng.choice(people), rng.choice(things), rng.choice(verbs)
        level, cost = rng.randrange(80, 720), rng.randrange(1000) / 10
        parts.append(rng.choice([
            f"In {year} {who} {verb} the {thing}; the water stood at {level} cm.\n",
            f"{year}: {thing} {verb} by {who}, cost {cost:.2f} crowns, level {level}.\n",
            f"log({{'year': {year}, 'who': '{who}', 'level': {level}}})  # {thing}\n",
            f"| {year} | {who:<8} | {thing:<9} | {level:>4} |\n",
        ]))
    return "".join(parts)


# name, text, whether special tokens in it are parsed, how many tokens to keep (None: all)
PROMPTS = [
    ("france", "The capital of France is", False, None),
    ("three", "Once upon a", False, None),
    ("numbers", NUMBERS, False, 63),
    ("chat", CHAT, True, None),
    ("polish", POLISH, False, None),
    ("chinese", CHINESE, False, None),
    ("emoji", EMOJI, False, None),
    ("spaces", SPACES, False, None),
    ("code", CODE, False, None),
    ("river", RIVER, False, 300),
    ("long", long_text(1264), False, 1264),
]

STRINGS = [
    "", " ", "  ", "   ", "    ", "        ", " " * 31, "\t", "\t\t", " \t ", "\n", "\n\n", "\n\n\n", "\r", "\r\n",
    "\r\n\r\n", " \n", "\n ", "  \n  ", "\n  x", "x\n", "x \n", "x  y", "x   y", "  x", " x ", "x  ", "\tx", "x\t\ty",
    "a b  c   d    e     f", "line one\nline two\r\nline three\rline four", "trailing spaces   \nand more   ",
    "    indented by four\n        by eight\n\tby a tab\n",
    "hello", "Hello", "HELLO", " hello", "hello world", "Hello, World!", "hello  world", "helloworld", "HelloWorld",
    "I'm", "I'll", "you're", "we've", "he'd", "it's", "can't", "I'M", "IT'S", "CAN'T", "'s", "'sit", "' s", "''s", "don''t",
    "rock'n'roll", "o'clock 's 't 're 've 'm 'll 'd", "\u2019s don\u2019t it\u2019s", "'", "''", '"quoted"', "`code`",
    "0", "1", "12", "123", "1234567890", "3.14159", "-1.5e-10", "1,000,000", "0x1F", "2024-02-29", "12:34:56", "1st 2nd 3rd",
    "a1b2c3", " 1", "  1", "1 2  3   4", "½ ¼ ⅓", "²³¹", "Ⅳ Ⅷ ⅻ", "①②③", "٠١٢٣٤", "०१२३", "１２３", "x²+y²=z²", "H₂O", "10⁻³",
    ".", "..", "...", "....", "!?", "?!?!", "#$%&", "()[]{}", "<>", "a.b.c", "a,b;c:d", "---", "-----", "===", "***", "___",
    "a_b_c", "snake_case CamelCase kebab-case", "C++ C# F# .NET", "user@example.com", "https://example.org/a/b?c=d&e=%20#f",
    "/usr/share/doc/*.gz", "C:\\Windows\\System32", "$HOME/bin:${PATH}", "50% off!", "a&b|c^d~e", "<div class=\"x\">&amp;</div>",
    "for (int i = 0; i < n; i++) {\n\tsum += a[i];\n}\n", "def f(x):\n    return x ** 2  # square\n", "#include <stdio.h>\n",
    "SELECT * FROM t WHERE a = 'b';", "{\"key\": [1, 2.5, null, true]}", "x = y if z else w\n\n\nclass A:\n    pass\n",
    "#!/bin/sh\nset -eu\necho \"$@\" | sed 's/a/b/'\n", "kernel void k(global float *x) { x[get_global_id(0)] = 0; }",
    "\\alpha + \\beta = \\frac{1}{2}", "if(a&&b||!c)return-1;", "<!-- comment -->", "@decorator", "a->b::c", "//// ////",
    "é", "e\u0301", "café", "cafe\u0301", "naïve façade", "Ångström", "ﬁne ﬂow", "ß ẞ", "İstanbul ıI", "Ǆ ǅ ǆ",
    POLISH, "ĄĆĘŁŃÓŚŹŻ ąćęłńóśźż", "Pchnąć w tę łódź jeża lub ośm skrzyń fig.", "Příliš žluťoučký kůň", "Größe über alles",
    "Árvíztűrő tükörfúrógép", "Ζαφείρι δέξου πάγκαλο", "Съешь же ещё этих мягких булок", "Їжак ґанок", "שלום עולם", "שָׁלוֹם",
    "السلام عليكم", "مرحبا، كيف حالك؟", "नमस्ते दुनिया", "क्षत्रिय ज्ञान", "हिन्दी में 123", "বাংলা ভাষা", "தமிழ் மொழி", "ไทยไม่มีเว้นวรรค", "ລາວ",
    "မြန်မာ", "ភាសាខ្មែរ", "ქართული", "Հայերեն", "አማርኛ", "བོད་ཡིག", CHINESE, "你好，世界！", "漢字とかな交じり文", "カタカナ ｶﾀｶﾅ", "안녕하세요 세계",
    "한글", "𠮷野家", "㈱", "中文abc中文123", "。、！？", "　", "a　b", "　　x", "𝕳𝖊𝖑𝖑𝖔", "ＡＢＣ", "ꙮ", "𓀀𓁐", "𐍈",
    "😀", "😀😀😀", " 😀", "😀 😀", "👍🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇵🇱", "🇵🇱🇩🇪🇫🇷", "❤️", "❤", "☺︎", "1️⃣", "🤷🏻‍♀️ shrug", "ok👌ok",
    EMOJI, "→←↑↓", "∀x∈ℝ: ∃y", "≤≥≠≈", "∑∫√∞", "€£¥₹₿", "©®™", "§¶†‡", "«guillemets»", "„Polish quotes”", "“curly” ‘single’",
    "em—dash en–dash", "ellipsis…", "•bullet", "\u00a0", "a\u00a0b", "\u00a0\u00a0x", "\u2003em space", "\u200bzero\u200bwidth",
    "\ufeffbom", "soft\u00adhyphen", "\u202eright to left\u202c", "\u2028line sep\u2029para sep", "\u0085next", "a\u0085b", "\u1680ogham",
    "\u0001", "\u0002\u0003", "\u0007bell", "\u0008", "a\u000bb", "a\u000cb", "\u001b[31mred\u001b[0m", "\u007f", "a\u007fb", "\u001c\u001e\u001f",
    "a\u001cb", "\u0080\u009f", "\ufffd", "\ufffe", "\uffff", "\U0001fffe", "\U0010ffff", "\ue000private", "\U000f0000",
    "a\u0300\u0301\u0302\u0303", "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢", "\u0301alone", "x\u20dd", "word\u0301word",
    "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|im_start|>user\nHi<|im_end|>\n", "a<|im_end|>b", " <|im_end|> ", "<|im_end|><|im_end|>",
    "<|im_end", "<|im_end|", "|im_end|>", "<|IM_END|>", "< |im_end|>", "<<|im_end|>>", "<repo_name>x<file_sep>y", "<reponame>", "<gh_stars>100",
    "<issue_start><issue_comment>text<issue_closed>", "<jupyter_start><jupyter_text>a<jupyter_code>b<jupyter_output>c", "<jupyter_script>",
    "<empty_output>", "<filename>a.c", "  <|im_start|>  ", "\n<|im_start|>\n", "1<|im_start|>2", "<|im_start|>'s", "<s></s>", "[INST]", "<unk>", CHAT,
    "aaaaaaaaaaaaaaaa", "a" * 100, "ababababababab", "!" * 40, "=" * 80, "-" * 33, "\n" * 9, "\t" * 9, "0" * 20, "é" * 17, "中" * 9, "xX" * 30,
    "antidisestablishmentarianism", "Donaudampfschifffahrtsgesellschaftskapitän", "Konstantynopolitańczykowianeczka", "supercalifragilisticexpialidocious",
    "qwrtpsdfghjklzxcvbnm", "The quick brown fox jumps over the lazy dog.", SPACES, NUMBERS, CODE,
]


def strings(seed, count):
    """STRINGS, then random joins of short pieces of all kinds, count in all."""
    rng = random.Random(seed)
    short = [s for s in STRINGS if 0 < len(s) <= 6]
    made = list(dict.fromkeys(STRINGS))
    while len(made) < count:
        made.append("".join(rng.choice(short) for _ in range(rng.randrange(3, 16))))
    return made
