"""YAML text → plain values, each with the line it was written on.

What would surprise is refused: a key written twice, keys that are not text, tags that make objects,
and anchors that unfold into more than a manifest can need.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import yaml

from fairway.api.errors import ManifestError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Path = tuple[str | int, ...]

MAX_CHARACTERS = 1_000_000
MAX_VALUES = 100_000
_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True)
class Document:
    """One YAML document.

    Attributes:
        value: dicts with text keys, lists, text, numbers, booleans and None, nothing else.
        lines: the line of every key and item, counted from 1; `()` is the document itself.
    """

    value: Any
    lines: Mapping[Path, int]

    def line_of(self, path: Path) -> int:
        """The line of a place, or of the nearest place around it that was written."""
        while path not in self.lines:
            path = path[:-1]
        return self.lines[path]


def dotted(path: Path) -> str:
    """Write a place as Kubernetes does: `spec.rollout.steps[0].weight`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def read_documents(text: str, source: str) -> list[Document]:
    """Read all documents of a text; those without content are left out.

    Args:
        text: YAML, one or more documents.
        source: what to call the text in errors, usually a file name.

    Raises:
        ManifestError: the text is not YAML, or has what is refused here; the first fault only.
    """
    if len(text) > MAX_CHARACTERS:
        raise ManifestError((Problem(f"has more than {MAX_CHARACTERS} characters", source=source),))
    try:
        nodes = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        words = " ".join(filter(None, (error.context, error.problem)))
        problem = Problem(f"not YAML: {words}", source=source, line=mark.line + 1 if mark else None)
        raise ManifestError((problem,)) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ManifestError(
            (Problem("holds a character that is not text", source=source, line=line),)
        ) from None
    except RecursionError:
        raise ManifestError((Problem("is nested too deeply", source=source),)) from None
    reader = _Reader(source)
    documents = [reader.document(node) for node in nodes]
    return [document for document in documents if document.value is not None]


def _scalar_converters() -> dict[str, Callable[[yaml.ScalarNode], Any]]:
    safe = yaml.constructor.SafeConstructor()
    return {
        f"{_TAG}str": lambda node: node.value,
        f"{_TAG}timestamp": lambda node: node.value,  # a date stays text, as it does for the API server
        f"{_TAG}null": lambda _: None,
        f"{_TAG}bool": safe.construct_yaml_bool,
        f"{_TAG}int": safe.construct_yaml_int,
        f"{_TAG}float": safe.construct_yaml_float,
    }


class _Reader:
    """Turns composed nodes into values. One budget for all documents of a text."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._scalars = _scalar_converters()
        self._left = MAX_VALUES
        self._open: set[int] = set()
        self._lines: dict[Path, int] = {}

    def document(self, node: yaml.Node) -> Document:
        self._lines = {(): node.start_mark.line + 1}
        return Document(self._value(node, ()), self._lines)

    def _value(self, node: yaml.Node, path: Path) -> Any:
        self._left -= 1
        if self._left < 0:
            self._refuse(node, path, f"holds more than {MAX_VALUES} values once its anchors are unfolded")
        if id(node) in self._open:
            self._refuse(node, path, "the anchor contains itself")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        self._open.add(id(node))
        value = self._mapping(node, path) if isinstance(node, yaml.MappingNode) else self._list(node, path)
        self._open.remove(id(node))
        return value

    def _list(self, node: yaml.Node, path: Path) -> list[Any]:
        if node.tag != f"{_TAG}seq":
            self._refuse(node, path, f"the tag {node.tag} is not allowed")
        values = []
        for index, item in enumerate(node.value):
            self._lines[*path, index] = item.start_mark.line + 1
            values.append(self._value(item, (*path, index)))
        return values

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        if node.tag != f"{_TAG}map":
            self._refuse(node, path, f"the tag {node.tag} is not allowed")
        merged: dict[str, Any] = {}
        written: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == f"{_TAG}merge":
                for mapping in self._merged(value_node, path):
                    # The first of several wins, as the YAML 1.1 merge type says.
                    merged = self._value(mapping, path) | merged
                continue
            key = self._key(key_node, path)
            if key in written:
                first = self._lines[*path, key]
                self._refuse(key_node, (*path, key), f"is written twice; the first is on line {first}")
            self._lines[*path, key] = key_node.start_mark.line + 1
            written[key] = self._value(value_node, (*path, key))
        return merged | written

    def _merged(self, node: yaml.Node, path: Path) -> Iterator[yaml.MappingNode]:
        for mapping in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if not isinstance(mapping, yaml.MappingNode):
                self._refuse(node, path, "<< merges mappings only")
            yield mapping

    def _key(self, node: yaml.Node, path: Path) -> str:
        if not isinstance(node, yaml.ScalarNode) or node.tag != f"{_TAG}str":
            shown = node.value if isinstance(node, yaml.ScalarNode) else "a list or mapping"
            self._refuse(node, path, f"a key must be text, not {shown}; put it in quotes")
        return str(node.value)

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        convert = self._scalars.get(node.tag)
        if convert is None:
            self._refuse(node, path, f"the tag {node.tag} is not allowed")
        try:
            value = convert(node)
        except (ValueError, KeyError):
            value = math.nan
        if isinstance(value, float) and not math.isfinite(value):
            self._refuse(node, path, f"{node.value[:40]} is not a value that JSON can hold")
        return value

    def _refuse(self, node: yaml.Node, path: Path, message: str) -> NoReturn:
        line = node.start_mark.line + 1
        raise ManifestError((Problem(message, dotted(path), self._source, line),))
