"""Fourier transforms: of one dimension and of several, of real numbers, and of windows along a signal.

transforms.py    the three ops along one dimension, by which all else is defined
cpu.py           their kernels; butterflies.py has the plain meaning of the steps, butterflies_codegen.py their code
functions.py     torch.fft of one dimension, and frequencies; several.py of several
frames.py        stft and istft
"""

from numtorch.ops.fourier import frames, functions, several, transforms

__all__ = ["frames", "functions", "several", "transforms"]
