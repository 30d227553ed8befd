"""`--engine`: what a run's model multiplies with when it scores."""

from argparse import ArgumentParser


def add_engine(parser: ArgumentParser) -> None:
    """Adds the flag; what the engines do stands in `leadrank.model.cpu_engine`."""
    parser.add_argument(
        "--engine",
        choices=("dense", "bfloat16", "int8"),
        default="dense",
        help="what a run's model multiplies with; default dense. On a CPU that multiplies "
        "such numbers (AVX512-BF16, VNNI, AMX) bfloat16 and int8 are faster; scores move a "
        "little, with int8 more",
    )


def say_engine(engine: str) -> None:
    """Says where an engine for CPUs leaves a GPU idle."""
    import torch

    if engine != "dense" and torch.cuda.is_available():
        print(f"--engine {engine} is for CPUs, so the GPU is not used; dense would use it")
