"""The language of a report or a notebook: words and sentences in English, and the same in Korean where that is asked.

Sentences are templates, as `flowkit.words.filled` fills them; they are data, in flowkit/reporting/sentences.*.toml.
"""

import os
import re
import tomllib
from functools import cache
from pathlib import Path
from string import Formatter

from flowkit.words import filled

LANGUAGES = ("en", "ko")
#: The environment variable that says in which of them a report or a notebook speaks.
LANGUAGE = "FLOWKIT_LANG"
#: A sentence that is longer than this is not looked up.
LONGEST = 400
DURATION = re.compile(r"\d+ (s|min|h|d)( \d+ (min|h))?")
#: What stands for a quoted part, where not anything can: else a short sentence would be found in every other.
NARROW = {"notation": r"all [\w-]+|[\w-]+/[\d-]+|\w+ type \d+(?: code \d+)?", "protocol": r"[\w-]+"}
NARROW |= dict.fromkeys(("count", "lines", "type", "code"), r"[\d,]+")


def language() -> str:
    """Return the language of sentences and pages: English unless FLOWKIT_LANG names another of `LANGUAGES`."""
    asked = os.environ.get(LANGUAGE)
    return asked if asked in LANGUAGES else LANGUAGES[0]


def translated(words: str, /, **values: object) -> str:
    """Return `words` of a page, a label or a heading in the reader's language, else as they are; filled with `values`."""
    template = said(f"page.{words}", words)
    return filled(template, **durations(values)) if values else template


def retold(words: str) -> str:
    """Return what a question says (a verdict, grounds joined by `; `) in the reader's language; what it lacks stays."""
    if language() == LANGUAGES[0]:
        return words
    return "; ".join(_like(part) if len(part) <= LONGEST else part for part in words.split("; "))


def _like(part: str) -> str:
    known = catalogue(language())
    for key in (f"page.{part}", f"page.{part.replace('-', ' ')}"):
        if key in known:
            return known[key]
    found = ((pattern.fullmatch(part), own) for pattern, own in _patterns(language()))
    for match, own in ((match, own) for match, own in found if match):
        return filled(own, **{name: retold(quoted) for name, quoted in match.groupdict().items()})
    return part


@cache
def _patterns(name: str) -> list[tuple[re.Pattern, str]]:
    """Return the sentences of a page that quote something, the longest first: as a pattern, and in the language `name`."""
    sentences = catalogue(name).items()
    found = {key.removeprefix("page."): own for key, own in sentences if re.match(r"page\..*\{\w+[:}]", key)}
    made = []
    for sentence in sorted(found, key=len, reverse=True):
        parts = []
        for fixed, value, noun, _ in Formatter().parse(sentence):
            quoted = f"(?P<{value}>{NARROW.get(value, '.+?')})" + (f" {re.escape(noun)}s?" if noun else "")
            parts.append(re.escape(fixed) + (quoted if value else ""))
        made.append((re.compile("".join(parts)), found[sentence]))
    return made


def durations(values: dict) -> dict:
    """Return `values` with the durations among them (`2 d 3 h`, see `flowkit.folding.coverage`) in the reader's language."""
    if language() == LANGUAGES[0]:
        return values
    times = {name: value for name, value in values.items() if isinstance(value, str) and DURATION.fullmatch(value)}
    return values | {name: re.sub(r"\d+ \w+", lambda one: _like(one[0]), value) for name, value in times.items()}


def said(key: str, usual: str) -> str:
    """Return the sentence or word `key` of the reader's language, unfilled; `usual` in English and where it has none."""
    return usual if language() == LANGUAGES[0] else catalogue(language()).get(key, usual)


@cache
def catalogue(name: str) -> dict[str, str]:
    """Return the sentences of a language by key, as `blame.network-acl`; those of English are without its kinds."""
    own = "sentences.toml" if name == LANGUAGES[0] else f"sentences.{name}.toml"
    path = Path(__file__).with_name("reporting") / own
    groups = tomllib.loads(path.read_text(encoding="utf-8"))
    groups |= {f"kind.{kind}": texts for kind, texts in groups.pop("kind", {}).items()}
    return {f"{group}.{key}": sentence for group, some in groups.items() for key, sentence in some.items()}
