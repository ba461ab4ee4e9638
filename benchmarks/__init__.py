"""Ratios to PyTorch: same machine, same threads, separate processes, interleaved medians. See README.md."""
