"""Our time divided by PyTorch's: same machine, same number of threads, separate processes that take turns, medians. See
README.md."""
