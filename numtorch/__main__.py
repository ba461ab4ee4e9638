"""``python -m numtorch``: the command line."""

from __future__ import annotations

import argparse
import sys


def main(argv: list[str] | None = None) -> int:
    """Run a command; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m numtorch", description="numtorch: PyTorch's API on Numba kernels")
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser("demo", help="train a small CNN on handwritten digits, then show what its kernels cost")
    demo.add_argument("--data", choices=["auto", "mnist", "digits"], default="auto",
                      help="auto: MNIST if its files are found or can be downloaded, else the bundled digits")
    demo.add_argument("--root", default="data", help="folder in which MNIST's files are looked for (NUMTORCH_DATA is too)")
    demo.add_argument("--epochs", type=int, default=None, help="passes over the training images")
    demo.add_argument("--device", default="cpu", help="cpu or cuda")
    demo.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)

    from numtorch import demo as program

    return program.run(args.data, args.root, args.epochs, args.device, args.seed)


if __name__ == "__main__":
    sys.exit(main())
