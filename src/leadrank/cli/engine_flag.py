"""`--engine`: what a run's model multiplies with when it scores."""

from argparse import ArgumentParser


def add_engine(parser: ArgumentParser) -> None:
    """Adds the flag; what the engines do stands in `leadrank.model.cpu_engine`."""
    parser.add_argument(
        "--engine",
        choices=("dense", "bfloat16", "int8"),
        default="dense",
        help="for CPUs, faster: bfloat16, where the CPU multiplies it, moves scores very "
        "little; int8 a little",
    )
