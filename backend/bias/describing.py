"""Descriptions of the sets in words: from the report's own figures, or by a language model that the user runs."""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..number_format import percent
from .sample import Sample

PER_SET, ROUNDS, BULLETS, MERGED = 120, 10, 2, 5
LONGEST_CAPTION = 200
KEY = "POOLSCOPE_LLM_KEY"
HIGH, LOW = {
    "brightness": "bright", "contrast": "high in contrast", "saturation": "saturated", "colourfulness": "colourful",
    "white border": "on a white background", "few colours": "flat, with few colours", "sharpness": "sharp", "edges": "with many edges",
}, {
    "brightness": "dark", "contrast": "low in contrast", "saturation": "pale", "colourfulness": "weakly coloured",
    "white border": "filled to the border", "few colours": "with many shades", "sharpness": "smooth", "edges": "with few edges",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An OpenAI-compatible server: `address` up to and with `/v1`, and the model's name there. The key, if the server
    wants one, comes from $POOLSCOPE_LLM_KEY. Captions are sent to it; nothing is sent unless an endpoint is given."""

    address: str
    model: str
    seconds: float = 120.0

    def ask(self, question: str) -> str:
        """The answer as text. Raises InputError when the server can't be reached or answers in another form."""
        if not self.address.startswith(("http://", "https://")):
            raise InputError(
                f"endpoint {self.address!r} is no web address; write for example http://127.0.0.1:8000/v1."
            )
        body = json.dumps(
            {"model": self.model, "messages": [{"role": "user", "content": question}], "temperature": 0.3}
        )
        headers = {"Content-Type": "application/json"}
        if os.environ.get(KEY):
            headers["Authorization"] = f"Bearer {os.environ[KEY]}"
        request = urllib.request.Request(f"{self.address.rstrip('/')}/chat/completions", body.encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=self.seconds) as answer:
                return str(json.loads(answer.read())["choices"][0]["message"]["content"])
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            raise InputError(f"endpoint {self.address!r} can't be used: {error}; is the server running?") from None
        except (ValueError, KeyError, IndexError, TypeError):
            raise InputError(f"endpoint {self.address!r} did not answer as an OpenAI-compatible server does.") from None


def from_figures(names: Sequence[str], report: dict[str, Any]) -> list[list[dict[str, str]]]:
    """Per set up to five statements `{title, text}` made from what the report measured, strongest first."""
    parts: dict[str, Callable[[int, Any], list[dict[str, str]]]] = {
        "appearance": _appearance, "objects": _objects, "words": _words, "topics": _topics,
    }  # fmt: skip
    return [
        [entry for name, write in parts.items() if report.get(name) for entry in write(one, report[name])][:MERGED]
        for one in range(len(names))
    ]


def _appearance(one: int, rows: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    """The properties in which the set is at least 0.2 standard deviations from the others."""
    marked = [row for row in rows if abs(row["effect"][one]) >= 0.2]
    marked = sorted(marked, key=lambda row: -abs(row["effect"][one]))[:3]
    if not marked:
        return []
    looks = ", ".join((HIGH if row["effect"][one] > 0 else LOW)[row["name"]] for row in marked)
    proof = "; ".join(f"{row['name']} {row['mean'][one]:.2f} against {row['elsewhere'][one]:.2f}" for row in marked)
    return [{"title": looks.capitalize(), "text": f"Compared with the other sets: {proof}."}]


def _objects(one: int, objects: dict[str, Any]) -> list[dict[str, str]]:
    if "highest_coefficient" not in objects:
        return []
    best = [row for row in objects["highest_coefficient"][one] if row["coefficient"] > 0][:5]
    entries = []
    if best:
        shown = ", ".join(f"{row['class']} ({percent(row['rate'])} of images)" for row in best)
        entries.append({"title": "Shows more often", "text": f"{shown}."})
    means = [row["mean"] for row in objects["per_picture"]]
    rest = np.mean([mean for number, mean in enumerate(means) if number != one])
    if rest and abs(means[one] / rest - 1) > 0.1:
        word = "More" if means[one] > rest else "Fewer"
        text = f"{means[one]:.2f} of the listed classes per image against {rest:.2f}."
        entries.append({"title": f"{word} things in an image", "text": text})
    return entries


def _words(one: int, marking: Sequence[Sequence[dict[str, Any]]]) -> list[dict[str, str]]:
    if not marking[one]:
        return []
    shown = ", ".join(
        f"“{row['word']}” ({percent(row['share'])} against {percent(row['share_elsewhere'])})"
        for row in marking[one][:5]
    )
    return [{"title": "Words that mark it", "text": f"{shown} of the captions."}]


def _topics(one: int, topics: Sequence[Sequence[dict[str, Any]]]) -> list[dict[str, str]]:
    if not topics[one]:
        return []
    shown = "; ".join(f"{' '.join(topic['words'])} ({percent(topic['share'], 0)})" for topic in topics[one][:2])
    return [{"title": "Talks about", "text": f"{shown}."}]


def by_model(sample: Sample, endpoint: Endpoint) -> list[list[dict[str, str]]]:
    """Two steps as in Zeng et al. 2024: two statements per set from 120 captions of each, ten times with other captions;
    then those of a set merged into five. The sets are named by numbers only, so that their names can't hint."""
    assert sample.texts is not None
    gathered: list[list[str]] = [[] for _ in sample.sets]
    for number in range(ROUNDS):
        answer = endpoint.ask(_first_question(sample, number))
        for one, lines in enumerate(_sections(answer, len(sample.sets))):
            gathered[one].extend(lines[:BULLETS])
    statements = []
    for lines in gathered:
        answer = endpoint.ask(_second_question(lines)) if lines else ""
        statements.append([_statement(line) for line in _bullets(answer)[:MERGED]])
    return statements


def _first_question(sample: Sample, number: int) -> str:
    assert sample.texts is not None
    lines = [
        f"{one + 1}: {' '.join(sample.texts[row].split())[:LONGEST_CAPTION]}"
        for one in range(len(sample.sets))
        for row in sample.shuffled(sample.of_set(one), 21, number)[:PER_SET]
    ]
    return (
        f"Below are captions of images from {len(sample.sets)} collections. The number before a caption is its collection.\n\n"
        + "\n".join(lines)
        + f"\n\nFor each collection write {BULLETS} short statements about what its images show that the others do not. "
        "Speak of content, not of how captions are worded. Write `COLLECTION n` on a line of its own, then each statement on a line that begins with `- `."
    )


def _second_question(lines: Sequence[str]) -> str:
    return (
        "These statements describe one collection of images; several say the same:\n"
        + "\n".join(f"- {line}" for line in lines)
        + f"\n\nMerge them into {MERGED} statements about what can be seen, without repetition. "
        "Write each on a line `- Title: one short sentence`."
    )


def _sections(answer: str, count: int) -> list[list[str]]:
    sections: list[list[str]] = [[] for _ in range(count)]
    place = -1
    for line in answer.splitlines():
        words = line.strip(" *#:").split()
        if len(words) == 2 and words[0].upper() == "COLLECTION" and words[1].isdigit():
            place = int(words[1]) - 1
        elif 0 <= place < count:
            sections[place] += _bullets(line)
    return sections


def _bullets(answer: str) -> list[str]:
    return [line.strip().lstrip("-*• ") for line in answer.splitlines() if line.strip().startswith(("-", "*", "•"))]


def _statement(line: str) -> dict[str, str]:
    title, colon, text = line.replace("**", "").partition(":")
    return {"title": title.strip() if colon else "", "text": (text if colon else title).strip()}
