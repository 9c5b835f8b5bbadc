# ruff: noqa: RUF001 - words of several alphabets
"""Tell the script and the language of a text, to compare a page's own text with what an engine wrote.

Its commonest words tell a language, in scripts that several languages write. It is `none` where no language has
enough of them, or two have nearly as many: in tables, names and mixed pages. Not covered: languages that are not
listed.
"""

from collections import Counter

from ocrmill.pipeline.pages.scripts import script_of

NONE = "none"
LEAST_LETTERS = 50  # of a text, before its script or language says anything
_LEAST_SHARE = 0.12  # of the words; prose has 0.25 to 0.5
_LEAST_WORDS = 12  # of them
_AHEAD = 1.25  # times those of the next language: related ones share `de`, `la`, `en`
_EAST_ASIAN = {"kana": "han", "bopomofo": "han"}  # written together
_COMMONEST = {
    "en": "the of and to in is that for it as was with be by on not this are or from at which an have were has their",
    "de": "der die und das den von zu mit sich des auf für ist im dem nicht ein eine als auch es an werden aus er hat",
    "fr": "le la les de des et en un une du que est pour dans qui par sur au pas plus ne se ce il sont avec à aux ou",
    "es": "el la los las de y en por con para una su al lo se del como que es un no más fue ser sus o este entre",
    "it": "il di che per non sono della gli nel alla da la le e un una in del con dei è si più i al delle come anche",
    "pt": "o os a as e do dos da das em uma com no na não mais ao que de para por um se como foi é são ou pelo sua",
    "nl": "het een van dat te voor zijn op met aan niet er ook de en in is die als bij om uit wordt door naar maar",
    "pl": "i w na z do się nie jest to że o od za przez po jak oraz dla są by być ale lub jego który tym co",
    "sv": "och att det som en på är av för med den till i har de inte om ett men var sig från vi så kan ska eller",
    "ru": "и в не на что с по как к из у за от о для это его но все был она так же при или они мы бы есть",
    "uk": "і в не на що з та до як у за від про для це його але все був вона так же при або вони ми є й",
}
_WORDS = {language: frozenset(words.split()) for language, words in _COMMONEST.items()}


def script_of_text(text: str) -> str:
    """Return the script of most letters of a text, Han for all that is written with it; `none` if they are few."""
    letters = Counter(filter(str.isalpha, text))
    if letters.total() < LEAST_LETTERS:
        return NONE
    scripts = Counter[str]()
    for letter, count in letters.items():
        script = script_of(letter)
        scripts[_EAST_ASIAN.get(script, script)] += count
    return scripts.most_common(1)[0][0]


def language_of_text(text: str) -> str:
    """Return the language of a text, as a code of two letters; `none` if that cannot be told."""
    words = [word.strip(".,;:!?()\"'") for word in text.casefold().split()]
    words = [word for word in words if word.isalpha()]
    counts = Counter(words)
    found = sorted(((sum(counts[word] for word in known), name) for name, known in _WORDS.items()), reverse=True)
    (most, language), (next_most, _) = found[:2]
    if most < max(_LEAST_WORDS, _LEAST_SHARE * len(words)) or most < _AHEAD * next_most:
        return NONE
    return language
