"""How long does it take to grade a class? Generated submissions of one assignment, under the whole sandbox.

    python benchmarks/grading.py [--students 200] [--jobs 2] [--chapter losses]

Each student solves each exercise, leaves the starter, or hands in something wrong, at random. Results:
results/grading.json with the time of a submission, memory, and whether the second half took as long as the first.
"""

import argparse
import os
import random
import statistics
import tempfile
import time
from pathlib import Path

import nbformat
import psutil
import torch
from machine import store

from gan_tutor.classroom import assignment, gradebook, grading, running, sandbox, submissions

ROOT = Path(__file__).resolve().parents[1]


def hand_in(nb, folder: Path, students: int, seed: int) -> dict[str, int]:
    """Write the submissions; return how many points each must get."""
    draw, due = random.Random(seed), {}
    checks = assignment.check_points(nb)
    for number in range(students):
        mine, points = assignment.released(nb), 0
        for cell, solved in zip(mine.cells, nb.cells, strict=True):
            if assignment.role(cell) != "answer":
                continue
            kind = draw.choices(("right", "starter", "wrong"), (0.6, 0.15, 0.25))[0]
            if kind == "right":
                cell.source = solved.source
                points += checks[f"{assignment.grade_id(cell)}-check"]
            elif kind == "wrong":
                cell.source = "1 / 0"
        nbformat.write(mine, folder / f"student{number:03d}.ipynb")
        due[f"student{number:03d}"] = points
    return due


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--students", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--chapter", default="losses")
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), help="stop after so long; the result says of how many"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    nb = assignment.read(ROOT / "book" / f"{options.chapter}.ipynb")
    with tempfile.TemporaryDirectory() as place:
        folder, out = Path(place, "handed-in"), Path(place, "graded")
        folder.mkdir()
        due = hand_in(nb, folder, options.students, seed=0)
        found = submissions.collect(folder, {options.chapter: nb})
        course = grading.prepare({options.chapter: nb}, sandbox.Limits(), whole=sandbox.is_whole())
        before, began = psutil.Process().memory_info().rss, time.perf_counter()
        ends, results = [], []
        for step in running.grade_all(found.submissions, course, out, jobs=options.jobs):
            assert step.result is not None, step.failure
            assert step.result.points == due[step.result.student], step.result
            ends.append(time.perf_counter() - began)
            results.append(step.result)
            if ends[-1] > 60 * options.minutes:
                break
            if step.done % 10 == 0:
                print(f"{step.done}/{step.total}: {ends[-1]:.0f} s, about {step.left:.0f} s left", flush=True)
        after = psutil.Process().memory_info().rss
        gradebook.write(out, results, [], whole=course.whole)
        wait = time.perf_counter()
        assert sum(running.stored(one, course, out) is not None for one in found.submissions) >= len(results)
        again = time.perf_counter() - wait
    half = len(ends) // 2
    seconds = sorted(result.seconds for result in results)
    summary = {
        "students": len(results),
        "jobs": options.jobs,
        "whole_sandbox": course.whole,
        "load_average_at_the_end": round(os.getloadavg()[1], 2),
        "total_seconds": round(ends[-1], 1),
        "seconds_per_submission": round(ends[-1] / len(ends), 2),
        "seconds_in_the_sandbox": {
            "median": round(statistics.median(seconds), 1),
            "p95": seconds[int(0.95 * (len(seconds) - 1))],
        },
        "second_half_to_first_half": round((ends[-1] - ends[half - 1]) / ends[half - 1], 3),
        "cumulative_seconds": [round(ends[k * len(ends) // 10 - 1], 1) for k in range(1, 11)],
        "peak_mib_per_submission": {
            "median": round(statistics.median(result.memory for result in results) / 2**20),
            "largest": round(max(result.memory for result in results) / 2**20),
        },
        "grader_mib": {"before": round(before / 2**20), "after": round(after / 2**20)},
        "seconds_to_find_all_graded_again": round(again, 2),
    }
    print(store("grading", summary).name, summary)


if __name__ == "__main__":
    main()
