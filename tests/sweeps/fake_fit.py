"""Stands in for `leadrank fit` in a sweep: writes a metrics.csv in a moment.

`--loss` is the figure to reach; `bad` fails, `mistake` is the user's while the file beside it
called `mistaken` is there, `none` logs no figure, and a trial whose loss is `slow` goes on
until the file beside it called `hold` is gone.
"""

import sys
import time
from pathlib import Path

flags = dict(word[2:].split("=", 1) for word in sys.argv[1:])
folder = Path(flags["runs"], "experiment-data", "version_0")
folder.mkdir(parents=True)
print("reading\rreading\rread")
if flags["loss"] == "bad":
    print("\n".join(f"line {number}" for number in range(20)))
    sys.exit("leadrank: loss: bad, expected a number")
if flags["loss"].startswith("mistake"):
    if Path(__file__).with_name("mistaken").exists():
        print("leadrank: leads.csv: no such file")
        sys.exit(2)
    flags["loss"] = "0.5"
if flags["loss"] == "slow":
    while Path(__file__).with_name("hold").exists():
        time.sleep(0.05)
best = {"none": "", "slow": "0.5"}.get(flags["loss"], flags["loss"])
# The first epoch is the best one; the last row is what the training logged.
(folder / "metrics.csv").write_text(
    f"epoch,step,train/loss,val/auc,val/average_precision,test/average_precision\n"
    f"0,1,,0.6,{best},0.99\n"
    f"1,2,,0.7,{0.0 if best else ''},0.99\n"
    f"1,2,0.3,,,\n"
)
