import random

import pytest

from ocrmill.pipeline.pages.text_statistics import measure_text

ODD = 0.25  # RoutingSettings.max_script_oddness

ENGLISH = (
    "The quick settlement of the northern valleys was followed by a long period in which the families who had come "
    "from the coast built small farms along the river and traded grain for tools. Most of them could read, and the "
    "letters that they sent home describe the winters, the prices of cattle and the slow work of clearing the woods."
)
RUSSIAN = (
    "Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены разумом и совестью и должны "
    "поступать в отношении друг друга в духе братства. Каждый человек должен обладать всеми правами и всеми свободами, "
    "провозглашенными настоящей Декларацией, без какого бы то ни было различия."
)
ARABIC = (
    "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق. وقد وهبوا عقلا وضميرا وعليهم أن يعامل بعضهم بعضا بروح الإخاء. "
    "لكل إنسان حق التمتع بكافة الحقوق والحريات الواردة في هذا الإعلان، دون أي تمييز، كالتمييز بسبب العنصر أو اللون أو "
    "الجنس أو اللغة أو الدين أو الرأي السياسي أو أي رأي آخر، أو الأصل الوطني أو الاجتماعي أو الثروة أو الميلاد أو أي وضع آخر."
)
URDU = (
    "تمام انسان آزاد اور حقوق و عزت کے اعتبار سے برابر پیدا ہوئے ہیں۔ انہیں ضمیر اور عقل ودیعت ہوئی ہے۔ اس لئے انہیں ایک "
    "دوسرے کے ساتھ بھائی چارے کا سلوک کرنا چاہیئے۔ ہر شخص کو اپنی جان، آزادی اور ذاتی تحفظ کا حق ہے۔"
)
HEBREW = (
    "כל בני אדם נולדו בני חורין ושווים בערכם ובזכויותיהם. כולם חוננו בתבונה ובמצפון, לפיכך חובה עליהם לנהוג איש ברעהו "
    "ברוח של אחווה. כל אדם זכאי לזכויות ולחרויות שנקבעו בהכרזה זו ללא הפליה כלשהי מטעמי גזע, צבע, מין, לשון, דת, דעה "
    "פוליטית או דעה בבעיות אחרות, בגלל מוצא לאומי או חברתי, קניין, לידה או מעמד אחר."
)
GREEK = (
    "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα. Είναι προικισμένοι με λογική και "
    "συνείδηση, και οφείλουν να συμπεριφέρονται μεταξύ τους με πνεύμα αδελφοσύνης. Κάθε άνθρωπος δικαιούται να επικαλείται "
    "όλα τα δικαιώματα και όλες τις ελευθερίες που προκηρύσσει η παρούσα Διακήρυξη, χωρίς καμία απολύτως διάκριση."
)
CHINESE = (
    "人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心,并应以兄弟关系的精神相对待。人人有资格享有本宣言所载的一切权利和自由,"
    "不分种族、肤色、性别、语言、宗教、政治或其他见解、国籍或社会出身、财产、出生或其他身分等任何区别。"
)
JAPANESE = (
    "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。人間は、理性と良心とを授けられており、"
    "互いに同胞の精神をもって行動しなければならない。"
)
KOREAN = (
    "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다. 인간은 천부적으로 이성과 양심을 부여받았으며 서로 "
    "형제애의 정신으로 행동하여야 한다. 모든 사람은 어떠한 종류의 차별이 없이 이 선언에 규정된 모든 권리와 자유를 향유할 자격이 있다."
)


def shifted(text: str) -> str:
    return "".join(chr(ord(c) + 1) if c.isalpha() else c for c in text)


@pytest.mark.parametrize(
    ("text", "script"),
    [
        (ENGLISH, "latin"),
        (RUSSIAN, "cyrillic"),
        (ARABIC, "arabic"),
        (URDU, "arabic"),
        (HEBREW, "hebrew"),
        (GREEK, "greek"),
        (CHINESE, "han"),
        (JAPANESE, "kana"),
        (KOREAN, "hangul"),
        (KOREAN + CHINESE, "han"),
        (RUSSIAN + ENGLISH, "cyrillic"),
    ],
)
def test_ordinary_text_of_many_scripts_is_not_odd(text: str, script: str) -> None:
    """Text as people write it, two languages on a page included, has its script and little oddness."""
    found = measure_text(text)
    assert (found.script, found.script_oddness < 0.2) == (script, True)


@pytest.mark.parametrize(
    "garbled",
    [
        shifted(ENGLISH),
        shifted(RUSSIAN),
        shifted(GREEK),
        shifted(CHINESE),
        shifted(KOREAN),
        RUSSIAN.encode("cp1251").decode("latin-1"),
        CHINESE.encode("utf-8").decode("cp1252", errors="replace"),
        CHINESE.encode("gbk").decode("big5", errors="ignore"),
        JAPANESE.encode("utf-8").decode("shift_jis", errors="ignore"),
        ARABIC.replace("ا", "خ").replace("ي", "و").replace("ل", "و"),
        ARABIC.replace("ي", "ووو"),
        HEBREW[::-1],
        ARABIC[::-1],
        GREEK[::-1],
        "".join(chr(0x1100 + ord(c) % 19) for c in KOREAN),
        " ".join("".join(random.Random(n).choices("абвգდეאבגअआइกขဠ", k=6)) for n in range(40)),
    ],
)
def test_letters_that_no_language_has_are_odd(garbled: str) -> None:
    """Shifted, mis-decoded, replaced, tripled, reversed or mixed letters are odd, text of their script is not."""
    assert measure_text(garbled).script_oddness >= ODD


@pytest.mark.parametrize(
    "text",
    [
        "",
        "17",
        "\n".join(f"{n} {n * 37 % 101}.{n % 10} {n * n}" for n in range(200)),
        "Chapter XII",
        "NATO HTTP XKCD DVD",
        "H2SO4 + 2 NaOH -> Na2SO4 + 2 H2O",
        "Cell\nCell\nHeader\n" * 30,
        "Yes No " * 200,
    ],
)
def test_little_text_repeats_and_numbers_are_not_odd(text: str) -> None:
    """Headings, page numbers, tables of numbers, formulas and repeated cells are judged by nothing that needs prose."""
    assert 0.0 == measure_text(text).script_oddness


@pytest.mark.parametrize(("text", "script"), [("漢字 かな", "han"), ("かな 漢字", "kana")])
def test_of_scripts_with_as_many_letters_the_first_counts(text: str, script: str) -> None:
    """By the text alone: the order of a set of words changes with every process."""
    assert measure_text(text).script == script


def test_glyphs_that_are_no_text_are_counted() -> None:
    """Unmapped glyphs, controls (NUL, unassigned, surrogates) and private characters are shares of all that is there."""
    found = measure_text("ab \ufffd\ufffd \x00\x01\ud800\u0378 \ue000 \t\n")
    assert (9, 2 / 9, 4 / 9, 1 / 9) == (
        found.characters,
        found.unmapped_share,
        found.control_share,
        found.private_use_share,
    )


def test_latin_words_are_measured_without_accents_and_formulas() -> None:
    """Shares of words speak of words of letters alone; accents do not hide vowels."""
    found = measure_text("Élève \u00fcber strngth xqzptl a b C6H12O6 the")
    assert 7 == found.words
    assert 2 / 4 == found.vowelless_share
    assert 2 / 7 == found.consonant_run_share == found.one_letter_share
    assert 2 / 7 == found.stopword_share


def test_persian_and_arabic_code_points_of_a_letter_are_one() -> None:
    """Text typed with the keyboard of the neighbouring language is as ordinary as before."""
    typed = URDU.replace("\u06a9", "\u0643").replace("\u06cc", "\u064a")
    assert measure_text(URDU).script_oddness == measure_text(typed).script_oddness


@pytest.mark.parametrize("seed", range(20))
def test_codes_of_a_font_that_names_no_letters_are_odd(seed: int) -> None:
    """Text whose letters come out as the codes from 33 on is odd, whichever letter has which code, with blanks or not."""
    draw = random.Random(seed)
    glyphs = sorted(set(ENGLISH) - {" "} if seed % 2 else set(ENGLISH))
    draw.shuffle(glyphs)
    measured = measure_text(ENGLISH.translate({ord(glyph): 33 + n for n, glyph in enumerate(glyphs)}))

    assert measured.script_oddness >= ODD


@pytest.mark.parametrize(
    "text",
    [
        "7*8=56 9*6=54 12*3=36 " * 20,
        "0.53*** -0.12 (0.04)** <0.01 [1.2; 3.4] " * 20,
        "12 * * * 14 # 15 ; 1,234.50 & 17.5% " * 20,
        "40°26'46\" 79°58'56\" +3.2 " * 20,
        "(1) ...... 12 (2) ...... 14 " * 20,
        "!\"#&'*;<=>?",
    ],
)
def test_numbers_without_letters_are_not_odd(text: str) -> None:
    """Sums, stars, coordinates and leaders are not the codes of a font."""
    assert measure_text(text).script_oddness == 0.0
