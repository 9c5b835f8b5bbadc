import pytest

from ocrmill.pipeline.text.layout_markdown import trim_block, without_markup

WORDS = {"Information", "Resource", "formation"}
# By rule: the label of a block, what the library wrote, and what is left of it.
RULES = {
    "trailing spaces and runs of them go": (
        "text",
        "One  two \n\n",
        "One two",
    ),
    "type within a word is no word": (
        "text",
        "**V** A **I** nformation _Re_ source ",
        "**V** A Information Resource",
    ),
    "pieces that are words stay apart": (
        "text",
        "**In** formation is ",
        "**In** formation is",
    ),
    "no space before a point after type": (
        "text",
        "a _trace_ . An `url` , x<sup>2</sup> )",
        "a _trace_. An `url`, x<sup>2</sup>)",
    ),
    "no space after a bracket before type": (
        "text",
        "see [ _Languages_ ]",
        "see [_Languages_]",
    ),
    "bold without words is not bold": (
        "text",
        "a **|** b ** ** c _⃝_ d",
        "a | b c ⃝ d",
    ),
    "bold is not interrupted": (
        "text",
        "**Re** **port** is",
        "**Re port** is",
    ),
    "underlines and marks go": (
        "text",
        "<u>表</u> <mark>one</mark>",
        "表 one",
    ),
    "Han and kana have no spaces": (
        "text",
        "路段 中 的系数。 日本 ひらがな and 1 つ",
        "路段中的系数。日本ひらがな and 1 つ",
    ),
    "Korean has spaces": (
        "text",
        "단계에 돌 입하였다고",
        "단계에 돌 입하였다고",
    ),
    "a heading is not bold": (
        "title",
        "# **The _Title_ of it** \n\n",
        "# The _Title_ of it",
    ),
    "a heading without words is none": (
        "heading",
        "## **  ** \n\n",
        "",
    ),
    "a heading has one line": (
        "heading",
        "### **1** \n\n**Intro** \n",
        "### 1 Intro",
    ),
    "items of a list follow each other": (
        "list",
        "- one \n\n   - two \n\n",
        "- one\n   - two",
    ),
    "code keeps its spaces": (
        "text",
        "```\nif x:\n    y **z** \n```\n\n",
        "```\nif x:\n    y **z** \n```",
    ),
    "rows keep their cells": (
        "table",
        "|a<br> <br>b|<br>c|\n|---|---|\n|d <br>||\n\n",
        "|a<br>b|c|\n|---|---|\n|d||",
    ),
    "text in a picture is lines": (
        "picture",
        "\n\n<!-- Start of picture text -->\nVIT  300M<br>Qwen2<br><!-- End of picture text -->\n\n",
        "VIT 300M\nQwen2",
    ),
    "a picture without text is nothing": (
        "picture",
        "\n\n\n",
        "",
    ),
}


@pytest.mark.parametrize("rule", RULES)
def test_marks_that_mean_nothing_go(rule):
    """Each rule, on what the library writes and on what it must leave alone."""
    label, text, trimmed = RULES[rule]

    assert trim_block(text, label, WORDS) == trimmed


@pytest.mark.parametrize("rule", RULES)
def test_trimming_again_changes_nothing(rule):
    """Trimmed blocks are as they should be."""
    label, _, trimmed = RULES[rule]

    assert trim_block(trimmed, label, WORDS) == trimmed


@pytest.mark.parametrize("rule", RULES)
def test_no_letter_is_lost(rule):
    """Whatever is trimmed, the letters of a block stay, in their order."""
    label, text, _ = RULES[rule]
    kept = [c for c in without_markup(trim_block(text, label, WORDS)) if c.isalnum()]

    assert kept == [c for c in without_markup(text) if c.isalnum()]
