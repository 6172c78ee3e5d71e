"""A YAML file from an untrusted author. It is read as plain values, and each value has its line number."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ganbench.errors import UserError

LARGEST = 2**20  # bytes of a file
DEEPEST = 20  # lists and mappings inside each other
TOO_DEEP = f"lists and mappings are nested more than {DEEPEST} deep"
DIGITS = 100  # of a whole number; Python refuses to read thousands of digits
MOST = 100_000  # values, after every alias is replaced by what it stands for
PLAIN = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "map", "seq", "merge")}
SPECIAL = {"timestamp": "a date", "binary": "binary data", "set": "a set", "omap": "an ordered mapping"}

Place = tuple[str | int, ...]  # keys and indices from the top of the file


class Document(NamedTuple):
    """The content of a file: mappings, lists, texts, numbers, true, false and null."""

    path: Path
    content: Any
    root: Node

    @classmethod
    def read(cls, path: Path) -> Document:
        """Read a YAML file.

        Raises:
            UserError: no regular file of text, no YAML, or more than values: tags, dates, endless or huge structures. The
                message names the file and the line.
        """
        text = _text(path)
        try:
            loader = yaml.SafeLoader(text)
            root = loader.get_single_node()
            if root is None:
                raise UserError(f"{path}: the file is empty")
            _check(path, root)
            return cls(path, loader.construct_document(root), root)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = f":{mark.line + 1}" if mark else ""
            raise UserError(f"{path}{line}: this is not a YAML file that can be read: {error.problem}") from None
        except yaml.YAMLError as error:
            first = str(error).partition("\n")[0]
            raise UserError(f"{path}: this is not a YAML file that can be read: {first}") from None
        except RecursionError:
            raise UserError(f"{path}: {TOO_DEEP}") from None

    def line(self, place: Place) -> int:
        """The line of a value's name, from 1.

        If the value is missing, the line of the mapping or list that lacks it.
        """
        node, line = self.root, self.root.start_mark.line
        for key in place:
            child = _child(node, key)
            if child is None:
                break
            name, node = child
            line = name.start_mark.line
        return int(line) + 1


def _text(path: Path) -> str:
    if not path.exists():
        raise UserError(f"{path}: there is no such file")
    if not path.is_file():
        raise UserError(f"{path}: this is not a regular file")
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise UserError(f"{path}: the file has more than {LARGEST:,} bytes, too many for a board")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{path}: the file is not text in UTF-8") from None
    except OSError as error:
        raise UserError(f"{path}: the file cannot be read ({error.strerror})") from None


def _check(path: Path, root: Node) -> None:
    """Refuse everything that a board does not need, before any value is built."""
    sizes: dict[int, int] = {}

    def refuse(node: Node, why: str) -> UserError:
        return UserError(f"{path}:{node.start_mark.line + 1}: {why}")

    def size(node: Node, above: tuple[int, ...]) -> int:
        """The number of values in a node."""
        if id(node) in above:
            raise refuse(node, "this anchor contains itself")
        if len(above) > DEEPEST:
            raise refuse(node, TOO_DEEP)
        if node.tag not in PLAIN:
            kind = SPECIAL.get(node.tag.rpartition(":")[2])
            why = (
                f"{kind} is not a setting; write it in quotes if it is text"
                if kind
                else f"the tag {node.tag} is refused"
            )
            raise refuse(node, why)
        if isinstance(node, ScalarNode) and node.tag == "tag:yaml.org,2002:int" and len(node.value) > DIGITS:
            raise refuse(node, f"this number has more than {DIGITS} digits")
        if isinstance(node, MappingNode):
            _check_keys(node, refuse)
        if id(node) not in sizes:
            sizes[id(node)] = 1 + sum(size(child, (*above, id(node))) for child in _children(node))
        if sizes[id(node)] > MOST:
            raise refuse(node, f"aliases (*) make more than {MOST:,} values of this")
        return sizes[id(node)]

    size(root, ())


def _check_keys(node: MappingNode, refuse: Any) -> None:
    seen: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, ScalarNode) or key.tag not in (
            "tag:yaml.org,2002:str",
            "tag:yaml.org,2002:merge",
        ):
            shown = f"'{key.value}'" if isinstance(key, ScalarNode) else "a list or a mapping"
            raise refuse(key, f"{shown} is not a name; write the name in quotes")
        if key.value in seen:
            raise refuse(key, f"'{key.value}' appears twice in one mapping")
        seen.add(key.value)


def _children(node: Node) -> Iterator[Node]:
    if isinstance(node, MappingNode):
        for _, value in node.value:
            yield value
    elif isinstance(node, SequenceNode):
        yield from node.value


def _child(node: Node, key: str | int) -> tuple[Node, Node] | None:
    """The name and the value of a key. Merged mappings also have values: the reader has put these values first."""
    if isinstance(node, SequenceNode) and isinstance(key, int):
        return (node.value[key], node.value[key]) if key < len(node.value) else None
    if isinstance(node, MappingNode):
        pairs = [(name, value) for name, value in node.value if name.value == key]
        return pairs[-1] if pairs else None
    return None
