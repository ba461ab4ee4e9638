"""``python -m numtorch``: the command line."""

from __future__ import annotations

import argparse
import sys

from numtorch import demo as program
from numtorch import run


def main(argv: list[str] | None = None) -> int:
    """Run a command; the exit status."""
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == ["run"]:
        return run.main(argv[1:], prog="numtorch run")
    parser = argparse.ArgumentParser(
        prog="python -m numtorch",
        description="numtorch: a deep-learning framework with PyTorch's API and Numba kernels.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser(
        "demo", help="train a small CNN on handwritten digits, then print the time of each kernel"
    )
    demo.add_argument(
        "--data",
        choices=["auto", "mnist", "digits"],
        default="auto",
        help="which images: auto is MNIST if its files are found or can be downloaded, else the bundled digits (auto)",
    )
    demo.add_argument(
        "--root", default="data", help="folder with the files of MNIST (data); the folder NUMTORCH_DATA is searched too"
    )
    demo.add_argument(
        "--epochs", type=int, default=None, help="number of passes over the training images (MNIST 3, digits 40)"
    )
    demo.add_argument("--device", default="cpu", help="cpu or cuda (cpu)")
    demo.add_argument("--seed", type=int, default=0, help="seed of the random numbers (0)")
    commands.add_parser("run", help="run a program that is written for PyTorch; see numtorch run --help")
    args = parser.parse_args(argv)

    return program.run(args.data, args.root, args.epochs, args.device, args.seed)


if __name__ == "__main__":
    sys.exit(main())
