"""`gan-tutor classroom release | grade`: hand out a chapter's exercises, and grade what comes back."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from gan_tutor.classroom import assignment

FolderPath = tyro.conf.Positional[Path]
NotebookPaths = tyro.conf.Positional[tuple[Path, ...]]


def release(notebooks: NotebookPaths, out: Path = Path("release"), source: bool = False) -> None:
    """Write the notebooks that students get, one folder an assignment: OUT/losses/losses.ipynb.

    The same notebooks give the same bytes.

    Args:
        notebooks: Chapters of the book, or assignments of your own in nbgrader's format, or folders of them.
        out: Folder to write to.
        source: Write the assignments with their solutions instead, for nbgrader's source folder.
    """
    for path in assignment.write(notebooks, out, solutions=source):
        print(path)


def grade(
    submissions: FolderPath,
    out: Path = Path("graded"),
    notebooks: tuple[Path, ...] = (Path("book"),),
    jobs: int = os.cpu_count() or 1,
    sandbox: Literal["auto", "required"] = "auto",
    cell_seconds: int = 60,
    wall_seconds: int = 300,
    memory_gib: float = 4,
) -> None:
    """Grade a folder of submissions: CSV grade book, feedback pages and a class overview in --out.

    Stop it at any time and give the same command again: what is graded stays, and is not graded twice.

    Args:
        submissions: Folder with anna.ipynb, anna/losses.ipynb, or nbgrader's anna/losses/losses.ipynb.
        out: Folder for the results.
        notebooks: The chapters or assignments that were released, or folders of them.
        jobs: Submissions at once.
        sandbox: "required" refuses to grade without bubblewrap; "auto" then grades under limits only, and says so.
        cell_seconds: Time of a cell.
        wall_seconds: Time of a notebook.
        memory_gib: Memory of a notebook, all its processes together.
    """
    for flag, value in (("jobs", jobs), ("cell-seconds", cell_seconds), ("wall-seconds", wall_seconds)):
        if not 1 <= value <= 10**6:
            raise ValueError(f"--{flag} must be from 1 to a million, got {value}")
    if not 0 < memory_gib <= 10**6:
        raise ValueError(f"--memory-gib must be above 0 and at most a million, got {memory_gib}")
    try:
        from gan_tutor.classroom import course
    except ImportError as error:
        raise ImportError(f"grading needs more packages ({error}): pip install 'gan-tutor[classroom]'") from error
    limits = course.Limits(cell=cell_seconds, wall=wall_seconds, memory=int(memory_gib * 2**30))
    for line in course.grade(submissions, out, notebooks, jobs=jobs, limits=limits, required=sandbox == "required"):
        encoding = sys.stdout.encoding or "utf-8"  # a terminal may lack the characters of a name
        print(line.encode(encoding, "backslashreplace").decode(encoding), flush=True)


if TYPE_CHECKING:
    ClassroomCommand = Any
else:
    ClassroomCommand = Annotated[
        Annotated[None, tyro.conf.subcommand(name="release", constructor=release)]
        | Annotated[None, tyro.conf.subcommand(name="grade", constructor=grade)],
        tyro.conf.arg(name=""),
    ]


def classroom(command: ClassroomCommand) -> None:
    """Hand out a chapter's exercises, and grade what comes back."""
