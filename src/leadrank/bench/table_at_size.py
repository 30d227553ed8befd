"""Reading, checking, splitting and writing out a table of the paper's size, in one process."""

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from leadrank.bench.big_table import make_big_table
from leadrank.bench.clock import timed
from leadrank.bench.figure import Figure
from leadrank.bench.sizes import Sizes

SLICE_ROWS = 65_536


def table_at_size(sizes: Sizes) -> list[Figure]:
    """Minutes and peak memory from the file to the prompts as text."""
    with tempfile.TemporaryDirectory() as folder:
        made = measure_table(Path(folder), sizes.table_rows)
    rows = sizes.table_rows
    assert made["rows"] == rows
    return [
        Figure("table read, checked, split", made["read"] / 60, "min", rows),
        Figure("  and its prompts written", made["written"] / 60, "min", rows),
        Figure("  both", (made["read"] + made["written"]) / 60, "min", rows, 10.0, "most"),
        Figure("  peak memory", made["peak"], "GB", rows, 8.0, "most"),
    ]


def measure_table(folder: Path, rows: int) -> dict[str, float]:
    """Seconds, rows and peak memory (GB), in a process that has done nothing else."""
    crm = make_big_table(folder, rows)
    words = [sys.executable, "-m", "leadrank.bench.table_at_size", str(crm)]
    said = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(said.splitlines()[-1])


def _measure(crm_file: Path) -> dict[str, float]:
    from leadrank.funnel import load_crm_file, read_lead_table
    from leadrank.text import PromptTemplate
    from leadrank.text.prompt import field_specs
    from leadrank.text.written import written_prompts

    crm = load_crm_file(crm_file)
    read, table = timed(lambda: read_lead_table(crm, crm_file.parent))
    specs, template = field_specs(table), PromptTemplate(fields="all")

    def write() -> int:
        slices = table.rows.iter_slices(SLICE_ROWS)
        return sum(len(written_prompts(rows, specs, template)) for rows in slices)

    written, rows = timed(write)
    return {"rows": rows, "read": read, "written": written, "peak": _peak_gb()}


def _peak_gb() -> float:
    """Most memory that this process has held; Linux counts its parent's in `getrusage`."""
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    print(json.dumps(_measure(Path(sys.argv[1]))))
