"""The table of the page "Several cards and machines" is the stored measurement."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"\| `(\w+)`, batch (\d+) \| (\d) \| ([\d.]+) \| ([\d.]+) \|")


def test_the_table_is_the_stored_measurement():
    stored = json.loads((ROOT / "benchmarks" / "results" / "ranks_cpu.json").read_text())
    rows = ROW.findall((ROOT / "book" / "several_cards.md").read_text())
    assert len(rows) == 2 * len(stored["games"])
    assert (stored["rounds"], stored["machine"]["cores"]) == (5, 2)
    for name, batch, processes, *told in rows:
        game = stored["games"][name]
        assert int(batch) == game["batch_size"]
        for way, number in zip(("same batch", "same rows"), told, strict=True):
            (line,) = [line for line in game[way] if line["processes"] == int(processes)]
            assert float(number) == round(line["speedup"] + 1e-9, 2)
    alone = stored["games"]["ring"]["same batch"][0]["turns_per_second"]
    assert round(1e3 / alone, 1) == 1.4
