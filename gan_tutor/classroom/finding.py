"""Find the answers among the cells of a student's notebook: by grade id, by cell id, else by the names they define.

An editor may drop nbgrader's marks and the cells' ids, and a student may split a cell, keep a first try, ask for hints
in between. What an answer must define is known: what its check reads and the model answer binds. So an answer is found
wherever it stands, and what is not certain becomes a note for the teacher.
"""

import ast
import re
import warnings
from functools import lru_cache
from typing import Any, NamedTuple

from gan_tutor.classroom import assignment

CHECK = re.compile(r"""classroom\.check\(\s*["']([\w-]+)["']""")
LOST = "its cells have lost their grade ids"
LONGEST = 100_000  # characters of an answer
FOLLOWING = 20  # cells that an answer may be split over
MAGIC = re.compile(r"^([ \t]*)[%!?].*$", re.MULTILINE)
BROKEN = re.compile(r"^(?:(?:async[ ]+)?(?:def|class)[ ]+(\w+)|(\w+)[ ]*(?::[^=\n]+)?=(?!=))", re.MULTILINE)

Cells = list[dict[str, Any]]


class Wanted(NamedTuple):
    """What is known of one answer.

    Attributes:
        name: Its grade id.
        cell_id: Its cell's id.
        starter: What students were given.
        names: What it must define; empty if that cannot be told.
        check: Source of its check cell.
    """

    name: str
    cell_id: str
    starter: str
    names: frozenset[str]
    check: str


def wanted(nb: Any) -> list[Wanted]:
    """Return what is known of each answer of an assignment."""
    found = []
    for k, cell in enumerate(nb.cells):
        if assignment.role(cell) == "answer":
            check = next((one.source for one in nb.cells[k:] if assignment.role(one) == "check"), "")
            names = bound(cell.source) & _read(check)
            found.append(Wanted(assignment.grade_id(cell), cell.id, assignment.starter(cell.source), names, check))
    return found


@lru_cache(4096)
def _tree(source: str) -> ast.Module | None:
    """Parse a cell without its magics, or return None."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(MAGIC.sub(r"\1pass", source[:LONGEST]))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


@lru_cache(4096)
def bound(source: str) -> frozenset[str]:
    """Return the names that a cell defines for those after it, also if it cannot be parsed."""
    tree = _tree(source)
    if tree is None:
        return frozenset(one for found in BROKEN.findall(source[:LONGEST]) for one in found if one)
    names: set[str] = set()
    left: list[ast.AST] = [tree]
    while left:
        node = left.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
            continue  # what is bound inside is not seen outside
        if isinstance(node, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).partition(".")[0])
        left.extend(ast.iter_child_nodes(node))
    return frozenset(names)


def _binds(cell: dict[str, Any]) -> frozenset[str]:
    """Return the same for a cell of a student's, which may have very many: each is parsed once."""
    if "binds" not in cell:
        cell["binds"] = bound(cell["source"])
    names: frozenset[str] = cell["binds"]
    return names


def _read(source: str) -> frozenset[str]:
    tree = _tree(source)
    nodes = ast.walk(tree) if tree else ()
    return frozenset(one.id for one in nodes if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load))


def answers(cells: Cells, nb: Any) -> tuple[dict[str, str], list[str]]:
    """Return the answers to one assignment by grade id, and remarks.

    Args:
        cells: The code cells of a student's notebook, each with `id`, `marks` and `source`.
        nb: The assignment.
    """
    found: dict[str, str] = {}
    notes: list[str] = []
    known = wanted(nb)
    marks, ids = {one.name for one in known}, {cell.id for cell in nb.cells if cell.id}
    evident = any(cell["marks"] in marks or cell["id"] in {one.cell_id for one in known} for cell in cells)
    given = {cell.source.strip() for cell in nb.cells if cell.cell_type == "code" and assignment.role(cell) != "answer"}
    for one in known:
        at = [k for k, cell in enumerate(cells) if cell["marks"] == one.name]
        if not at:
            at = [k for k, cell in enumerate(cells) if cell["id"] == one.cell_id and not cell["marks"]]
            at = at or _by_name(cells, one, ids, given, evident, notes)
            if at and LOST not in " ".join(notes):
                notes.append(f"{LOST} (Colab or another editor); answers were recognised by cell id or by their names")
        if at:
            source = _joined(cells, at, one, notes)
            if len(source) > LONGEST:
                notes.append(f"{one.name} is cut after {LONGEST} characters")
            found[one.name] = source[:LONGEST]
    return found, notes


def _by_name(cells: Cells, one: Wanted, ids: set[str], given: set[str], evident: bool, notes: list[str]) -> list[int]:
    """Return the cells without marks that define last what the answer must define, at or before its last check."""
    checks = [k for k, cell in enumerate(cells) if _checks(cell["source"], one)]
    if not checks and not evident:
        return []
    end = checks[-1] if checks else len(cells) - 1
    free = [k for k, cell in enumerate(cells[: end + 1]) if _free(cell, ids, given)]
    tries = [k for k in free if _binds(cells[k]) & one.names and not _is_starter(cells[k], one)]
    if len([k for k in tries if _binds(cells[k]) >= one.names]) > 1:
        notes.append(f"{one.name}: several cells define {', '.join(sorted(one.names))}; the last one counts")
    last = {name: [k for k in tries if name in _binds(cells[k])][-1:] for name in one.names}
    chosen = sorted({k for at in last.values() for k in at})
    if chosen or not checks:
        return chosen
    before = [k for k in free if k < checks[0] and not CHECK.search(cells[k]["source"])]
    before = [k for k in before if _binds(cells[k]) or _is_starter(cells[k], one)]
    return before[-1:] if before and not _other_check(cells, before[-1], checks[0], one) else []


def _checks(source: str, one: Wanted) -> bool:
    return one.name in CHECK.findall(source) or (bool(one.check) and source.strip() == one.check.strip())


def _other_check(cells: Cells, start: int, end: int, one: Wanted) -> bool:
    """Whether the check of another answer stands between: then the cell is that one's."""
    between = [name for cell in cells[start + 1 : end] for name in CHECK.findall(cell["source"])]
    return any(name != one.name for name in between)


def _free(cell: dict[str, Any], ids: set[str], given: set[str]) -> bool:
    return not cell["marks"] and cell["id"] not in ids and cell["source"].strip() not in given


def _is_starter(cell: dict[str, Any], one: Wanted) -> bool:
    return cell["source"].strip() == one.starter.strip()


def _joined(cells: Cells, at: list[int], one: Wanted, notes: list[str]) -> str:
    """Join the parts of an answer: without copies of the starter, and with what was split off into a new cell."""
    worked = [k for k in at if not _is_starter(cells[k], one)]
    if worked and len(worked) < len(at):
        notes.append(f"{one.name}: a copy of its starter is left out")
    parts = [cells[k]["source"] for k in worked or at[-1:]]
    if len(parts) > 1:
        whole = [part for part in parts if _complete(part, one)]
        if whole and not _complete("\n".join(parts), one):
            notes.append(f"{one.name}: of {len(parts)} cells the last one that is whole counts")
            return whole[-1]
        notes.append(f"{one.name} is split over {len(parts)} cells, which were joined")
        return "\n".join(parts)
    if not worked or _complete(parts[0], one):
        return parts[0]
    for cell in cells[worked[0] + 1 : worked[0] + FOLLOWING]:
        if cell["marks"] or _checks(cell["source"], one) or CHECK.search(cell["source"]):
            break
        parts.append(cell["source"])
        if _complete("\n".join(parts), one):
            notes.append(f"{one.name} is split over {len(parts)} cells, which were joined")
            return "\n".join(parts)
    return parts[0]


def _complete(source: str, one: Wanted) -> bool:
    return _tree(source) is not None and bound(source) >= one.names
