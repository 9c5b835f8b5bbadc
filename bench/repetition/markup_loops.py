"""Turns of loops in markup, and of those that change a little each time: attributes, indices, numbers, nesting."""

import random
import string
from collections.abc import Callable

from bench.quality.vocabulary import SCRIPTS
from bench.repetition.wording import line_of, sentence_of

Turn = Callable[[int], str]


def three_paragraphs(draw: random.Random) -> Turn:
    """One of three paragraphs of 200 to 500 characters, in turn."""
    paragraphs = [sentence_of(draw, 200, 500) for _ in range(3)]
    return lambda number: paragraphs[number % 3] + "\n\n"


def translations(draw: random.Random) -> Turn:
    """A sentence and what is to be its translation, in turn."""
    language = draw.choice(("zh", "ru", "ar", "ja", "ko"))
    between = "" if language in ("zh", "ja") else " "
    sentences = sentence_of(draw, 40, 120), between.join(draw.sample(SCRIPTS[language][1].split(), 8))
    return lambda number: sentences[number % 2] + "\n"


def row_counting_down(draw: random.Random) -> Turn:
    """A row of a table, its number one less each time."""
    first, words = draw.choice((1000, 999, 800, 700)), line_of(draw, 8, 30)
    form = draw.choice(("<tr><td>{}</td><td>{}</td></tr>", "| {} | {} |\n", "{}. {}\n"))
    return lambda number: form.format(first - number, words)


def growing_attribute(draw: random.Random) -> Turn:
    """An empty cell or picture whose attribute counts on."""
    form = draw.choice(
        ('<td colspan="{}"></td>', '<td id="c{}"></td>', '<div style="left:{}px"></div>', '<col width="{}">\n')
    )
    first = draw.randint(1, 9)
    return lambda number: form.format(first + number)


def formula_with_indices(draw: random.Random) -> Turn:
    """A row of an array, its indices one more each time."""
    a, b = draw.sample("abcxyzuvw", 2)
    form = draw.choice(
        (
            "{a}_{{{n}}} & {b}_{{{n}}} \\\\\n",
            "{a}_{{{n}}} + ",
            "{a}_{{{n},1}} & {a}_{{{n},2}} & \\cdots \\\\ ",
            "\\frac{{{a}_{{{n}}}}}{{{b}_{{{n}}}}} + ",
        )
    )
    return lambda number: form.format(a=a, b=b, n=number + 1)


def coded_bytes(draw: random.Random) -> Turn:
    """Four to sixteen characters of base64, without a blank between the turns."""
    unit = "".join(draw.choices(string.ascii_letters + string.digits + "+/", k=draw.choice((4, 8, 12, 16))))
    return lambda _: unit


def deeper_item(draw: random.Random) -> Turn:
    """An item of a list, or a quotation, one level deeper each time."""
    words, form = line_of(draw, 6, 30), draw.choice(("{blank}- {words}\n", "{quote} {words}\n", "{list}{words}"))
    return lambda number: form.format(blank="  " * number, quote=">" * (number + 1), list="<ul><li>", words=words)


def numbered_picture(draw: random.Random) -> Turn:
    """A link to a picture whose number counts on."""
    form = draw.choice(
        ("![](images/{}.jpg)\n", "![Figure {0}](figure_{0}.png)\n", '<img src="img-{}.png">\n', "![](page_1_{}.png) ")
    )
    return lambda number: form.format(number + 1)


def kana_with_marks(draw: random.Random) -> Turn:
    """A kana and its long vowel mark, or two."""
    unit = draw.choice("アカサタナハマヤラワギガドゴ") + draw.choice("ー〜ッ")
    unit += draw.choice(("", "", draw.choice("アイウエオ")))
    return lambda _: unit


def emoji(draw: random.Random) -> Turn:
    """One emoji or two, some with a tone of skin or joined to another."""
    unit = "".join(draw.choices(("😀", "👍🏽", "🎉", "❤️", "👩‍💻", "✅", "🔥"), k=draw.choice((1, 2))))
    unit += draw.choice(("", " "))
    return lambda _: unit


def stretched_word(draw: random.Random) -> Turn:
    """An Arabic word with tatweel, the same in each turn or one longer."""
    word, grows, least = draw.choice(SCRIPTS["ar"][1].split()), draw.random() < 0.5, draw.randint(1, 4)
    return lambda number: f"{word[0]}{'ـ' * (least + (number if grows else 0))}{word[1:]} "


def question_and_answer(draw: random.Random) -> Turn:
    """A question that counts on, and one answer to all."""
    question, answer = line_of(draw, 30, 70), line_of(draw, 30, 70)
    return lambda number: f"**Q{number + 1}:** {question}?\n\n**A:** {answer}.\n\n"


def token_of_a_model(draw: random.Random) -> Turn:
    """A special token that was written as text, or a frame around a part without text."""
    unit = draw.choice(("[UNK]", "<|endoftext|>", "<unk> ", "[[0, 0, 999, 999]]\n", "<figure></figure>\n"))
    return lambda _: unit


def numbered_link(draw: random.Random) -> Turn:
    """A link whose text and address count on."""
    words, form = (
        line_of(draw, 4, 12),
        draw.choice(("[{w} {n}](https://example.org/p/{n})\n", '<a href="#p{n}">{n}</a> ')),
    )
    return lambda number: form.format(w=words, n=number + 1)


def empty_box(draw: random.Random) -> Turn:
    """An item of a list with a box, without words."""
    unit = draw.choice(("- [ ] \n", "- \n", "* ☐\n", "> \n"))
    return lambda _: unit


def numbered_heading(draw: random.Random) -> Turn:
    """A heading with its number, the same each time."""
    words, form = line_of(draw, 8, 30).title(), draw.choice(("## {}. {}\n\n", "### 1.{} {}\n\n", "**{}** {}\n\n"))
    return lambda number: form.format(number + 1, words)


def hexadecimal(draw: random.Random) -> Turn:
    """Eight to 32 hexadecimal digits, without a blank between the turns."""
    unit = "".join(draw.choices("0123456789abcdef", k=draw.choice((8, 16, 32))))
    return lambda _: unit


def opened_table(draw: random.Random) -> Turn:
    """Tags that open a part within a part and never close it."""
    unit = draw.choice(("<table><tr><td>", "<div><div>", "<tbody><tr>", "\\begin{array}{c} ", "{\\bf "))
    return lambda _: unit


def numbered_formula(draw: random.Random) -> Turn:
    """A displayed formula whose tag counts on."""
    a, b = draw.sample("abcxyz", 2)
    form = draw.choice(("$${a} = {b}^2 \\tag{{{n}}}$$\n", "\\[ {a}_{n} = {b} \\]\n", "$({a}+{b})_{{{n}}}$, "))
    return lambda number: form.format(a=a, b=b, n=number + 1)


def note_mark(draw: random.Random) -> Turn:
    """Marks of notes that count on."""
    form = draw.choice(("<sup>{}</sup> ", "[^{}] ", "$^{{{}}}$ ", "({}) "))
    return lambda number: form.format(number + 1)


def other_digits(draw: random.Random) -> Turn:
    """Numbers that count on in the digits of another script."""
    zero, between = draw.choice((0x0966, 0x0660, 0x06F0, 0x0E50, 0xFF10)), draw.choice((" ", ", ", "\n"))
    return lambda number: "".join(chr(zero + int(digit)) for digit in str(number + 1)) + between
