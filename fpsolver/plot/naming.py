"""What results are called in legends and headings: titles, and what tells those of one title apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fpsolver.config.leaves import leaves
from fpsolver.plot.style import escaped
from fpsolver.result import Outcome

MOST_KEYS = 4  # in a legend
EQUALS = "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}"


def names(results: Sequence[Outcome]) -> list[str]:
    """Titles for legends; where two are the same, with what tells the configurations apart, or numbered."""
    titles = [escaped(result.title) for result in results]
    for k, words in _added(results).items():
        titles[k] += words or f" ({k + 1})"
    return titles


def status(result: Outcome) -> str:
    """`` (not converged)``, `` (failed)``, ..: how a run ended that did not end as it was meant to."""
    return "" if result.is_complete else f" ({result.status.replace('_', ' ')})"


def after_files(results: Sequence[Outcome], paths: Sequence[Path]) -> list[Outcome]:
    """The results, with their file names as titles where only a number would tell them apart."""
    added, stems = _added(results), Counter(path.stem for path in paths)
    found = list(results)
    for k, words in added.items():
        if not words:
            title = paths[k].stem if stems[paths[k].stem] == 1 else str(paths[k].with_suffix(""))
            found[k] = replace(results[k], config=results[k].config.model_copy(update={"title": title}))
    return found


def _added(results: Sequence[Outcome]) -> dict[int, str]:
    """What is to follow the titles that occur twice: words or, where there are none, a number."""
    repeated = Counter(result.title for result in results)
    alike = [k for k, result in enumerate(results) if repeated[result.title] > 1]
    return dict(zip(alike, _told_apart([results[k] for k in alike]), strict=True))


def _told_apart(results: Sequence[Outcome]) -> list[str]:
    """``, eta = 0.5`` where a few keys of configurations tell results apart; nothing where none or many do."""
    values = [leaves(result.config) for result in results]
    keys = [key for key in (values[0] if values else ()) if not key.startswith(("output.", "title"))]
    keys = [key for key in keys if any(each.get(key) != values[0][key] for each in values)]
    called = _short_names(keys, {key for each in values for key in each})
    words = [", ".join(f"{called[key]}{EQUALS}{_short(each.get(key, '-'))}" for key in keys) for each in values]
    if not keys or len(keys) > MOST_KEYS or len(set(words)) < len(words):
        return [""] * len(results)
    return [f", {escaped(text)}" for text in words]


def _short_names(keys: Sequence[str], everything: set[str]) -> dict[str, str]:
    """The last part of each key; the whole of it where another key ends alike (``extent`` of q, or of p)."""
    count = Counter(key.split(".")[-1] for key in everything)
    return {key: last if count[last := key.split(".")[-1]] == 1 else key for key in keys}


def _short(value: Any) -> Any:
    """Six digits of a number: 0.3 where equal steps have made 0.30000000000000004."""
    if isinstance(value, list | tuple):
        return [_short(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value
