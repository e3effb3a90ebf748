"""What a stored result must say about where it was measured."""

import datetime
import json
import os
import platform
from pathlib import Path
from typing import Any

import torch

from gan_tutor import host

RESULTS = Path(__file__).parent / "results"


def describe() -> dict[str, Any]:
    """Return processor, device, versions and date."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        cpu = names[0] if names else cpu
    return {
        "cpu": cpu,
        "instruction_set": host.instruction_set(),
        "cores": os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "date": datetime.date.today().isoformat(),
    }


def store(name: str, result: dict[str, Any]) -> Path:
    """Write a result with the machine's description to results/<name>.json."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"machine": describe()} | result, indent=2) + "\n")
    return path
