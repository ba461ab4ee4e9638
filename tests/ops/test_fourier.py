"""Fourier transforms: NumPy's values for all kinds of sizes and layouts, bodies beside kernels, gradients of gradients,
windows along a signal, and what is refused; beside torch its values too."""

import importlib.util
import subprocess
import sys
from itertools import product

import numpy as np
import pytest

import numtorch as N
from numtorch.ops.fourier import cpu
from numtorch.ops.fourier.transforms import to_half, to_real, transformed

HAVE_TORCH = importlib.util.find_spec("torch") is not None
rng = np.random.default_rng(0)
# Prime sizes with and without a step of their own, the kernels' limits, and lines that threads share.
SIZES = [*range(1, 65), 97, 101, 122, 183, 243, 256, 360, 1009, 1024, 3721, 4096, 6000, 1 << 15, 9 << 12]
SINGLE = 1e-5
DOUBLE = 1e-12


def real(*shape):
    return rng.standard_normal(shape)


def numbers(*shape):
    return real(*shape) + 1j * real(*shape)


def close(found, expected, tolerance=DOUBLE):
    found = found.detach().numpy()
    assert found.shape == expected.shape
    largest = abs(expected).max() if expected.any() else 1
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * largest)


@pytest.mark.parametrize("d, tolerance", [(N.float32, SINGLE), (N.float64, DOUBLE)])
def test_sizes(d, tolerance):
    for n in SIZES:
        rows = 9 if n <= 1024 else 1
        z, x = numbers(rows, n), real(rows, n)
        z, x = (a.astype(np.complex64) if d is N.float32 and a.dtype == complex else a for a in (z, x))
        of_z, of_x = N.tensor(z), N.tensor(x, dtype=d)
        x = of_x.numpy()
        close(N.fft.fft(of_z), np.fft.fft(z.astype(complex)), tolerance)
        close(N.fft.ifft(of_z[:1]), np.fft.ifft(z[:1].astype(complex)), tolerance)
        half = np.fft.rfft(x.astype(float))
        close(N.fft.rfft(of_x), half, tolerance)
        close(N.fft.irfft(N.tensor(half.astype(z.dtype)), n=n), x, tolerance)
    assert N.fft.fft(of_z).dtype is d.to_complex() and N.fft.irfft(of_z).dtype is d


def test_dimensions_and_layouts():
    x = numbers(3, 6, 10, 4)
    t = N.tensor(x)
    for dim in range(4):
        close(N.fft.fft(t, dim=dim), np.fft.fft(x, axis=dim))
        close(N.fft.rfft(t.real, dim=dim), np.fft.rfft(x.real, axis=dim))
        close(N.fft.irfft(t, dim=dim), np.fft.irfft(x, axis=dim))
        close(N.fft.ifft(t.transpose(0, 2), 5, dim), np.fft.ifft(x.swapaxes(0, 2), 5, axis=dim))
    long = numbers(6000, 2)
    close(N.fft.fft(N.tensor(long), dim=0), np.fft.fft(long, axis=0))
    close(N.fft.irfft(N.fft.rfft(N.tensor(long.real), dim=0), dim=0), long.real)
    assert N.fft.fft(N.zeros(0, 4)).shape == (0, 4)
    assert N.fft.rfft(N.zeros(2, 4, 0), dim=1).shape == (2, 3, 0)


def test_which_kernel_computes():
    x, z = N.tensor(real(2, 8)), N.tensor(numbers(2, 134))
    for op, kernel, arguments in (
        (transformed, "stockham", (z[:, :6], 1, True, 1.0)),
        (transformed, "body", (z[:, :67], 1, True, 1.0)),
        (to_half, "pairs", (x, 1, True, 1.0)),
        (to_half, "body", (x[:, :7], 1, True, 1.0)),
        (to_real, "pairs", (z[:, :5], 8, 1, False, 1.0)),
    ):
        assert f"-> {kernel} " in N.kernels.explain(op, *arguments), op


PLAIN = """
import numpy as np, numtorch as N
x = np.random.default_rng(0).standard_normal((9, 2, 120, 3))
for n in (1, 7, 16, 30, 66, 120):
    z = x[..., :n, :] + 1j * x[..., ::-1, :][..., :n, :]
    np.testing.assert_allclose(N.fft.fft(N.tensor(z), dim=-2).numpy(), np.fft.fft(z, axis=-2), atol=1e-12)
    z = np.ascontiguousarray(z.swapaxes(-1, -2))[0]
    np.testing.assert_allclose(N.fft.ifft(N.tensor(z)).numpy(), np.fft.ifft(z), atol=1e-12)
    np.testing.assert_allclose(N.fft.rfft(N.tensor(z.real)).numpy(), np.fft.rfft(z.real), atol=1e-12)
    np.testing.assert_allclose(N.fft.hfft(N.tensor(z), n=n).numpy(), np.fft.hfft(z, n), atol=1e-12)
z = np.random.default_rng(0).standard_normal(2048)
np.testing.assert_allclose(N.fft.rfft(N.tensor(z)).numpy(), np.fft.rfft(z), atol=1e-11)
"""


def test_kernels_as_plain_python(monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    subprocess.run([sys.executable, "-c", PLAIN], check=True)


def test_bodies():
    for n in (1, 6, 97, 128, 210):
        x = N.tensor(numbers(2, n, 3))
        with N.kernels.bodies_only():
            close(N.fft.fft(x, dim=1), np.fft.fft(x.numpy(), axis=1))
            close(N.fft.rfft(x.real, dim=1), np.fft.rfft(x.numpy().real, axis=1))
            close(N.fft.hfft(x, n=2 * n - 1, dim=1), np.fft.hfft(x.numpy(), 2 * n - 1, axis=1))
        assert N.fft.fft(x.to("meta"), dim=1).shape == (2, n, 3)


def test_the_threads_change_no_bit():
    x = N.tensor(numbers(3, 1 << 15))
    y = N.tensor(real(1 << 6, 1 << 10))
    found = []
    before = N.get_num_threads()
    try:
        for threads in (1, 2):
            N.set_num_threads(threads)
            found.append([f(t).numpy().tobytes() for f, t in ((N.fft.fft, x), (N.fft.irfft, x), (N.fft.rfft, y))])
    finally:
        N.set_num_threads(before)
    assert found[0] == found[1]


def test_factors():
    for n in SIZES:
        assert np.prod(cpu.factors(n), dtype=int) == n
        assert np.prod(cpu.divided(n, 8)) == n
    assert cpu.factors(1 << 10) == (8, 8, 4, 4)
    assert cpu.smooth(61 * 64) and not cpu.smooth(67)


MANY = ("fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn")
WINDOWS = ("bartlett", "blackman", "cosine", "exponential", "gaussian", "hamming", "hann", "kaiser", "nuttall")


def test_several_dimensions():
    x = numbers(3, 5, 6)
    for name, norm, (s, dim) in product(MANY, (None, "ortho", "forward"), ((None, (0, 2)), ((4, 7), (-1, 0)))):
        a = x.real if name.startswith("r") else x
        expected = getattr(np.fft, name)(a, s, axes=dim, norm=norm)
        close(getattr(N.fft, name)(N.tensor(a), s, dim, norm), expected)
    t = N.tensor(x)
    close(N.fft.fftn(t, (4, -1)), np.fft.fftn(x, (4, 6), axes=(1, 2)))
    close(N.fft.fftn(t, dim=()), x)
    for norm in (None, "ortho", "forward"):
        close(N.fft.hfft(t, norm=norm), np.fft.hfft(x, norm=norm))
        close(N.fft.ihfft(t.real, norm=norm), np.fft.ihfft(x.real, norm=norm))
        for name in ("hfft2", "hfftn"):
            y = getattr(N.fft, name)(t, dim=(0, 1), norm=norm)
            close(y, np.fft.hfft(np.fft.fft(x, axis=0, norm=norm), axis=1, norm=norm))
            back = np.fft.ifft(np.fft.ihfft(y.numpy(), axis=1, norm=norm), axis=0, norm=norm)
            close(getattr(N.fft, "i" + name)(y, dim=(0, 1), norm=norm), back)


def test_types():
    x = N.arange(4)
    assert N.fft.fft(x).dtype is N.fft.fft(x > 1).dtype is N.complex64
    assert N.fft.rfft(x).dtype is N.complex64 and N.fft.irfft(x).dtype is N.float32
    out = N.empty(0, dtype=N.complex128)
    assert N.fft.fft(x, out=out) is out and out.shape == (4,)


DIFFERENTIABLE = {
    "fft": lambda z: N.fft.fft(z, 5, 0),
    "ifft of a prime size": lambda z: N.fft.ifft(z, 67, 0, "ortho"),
    "rfft": lambda z: N.fft.rfft(z.real, norm="forward"),
    "rfft of an odd size": lambda z: N.fft.rfft(z.imag, 5),
    "irfft": lambda z: N.fft.irfft(z, dim=0),
    "irfft of an odd size": lambda z: N.fft.irfft(z, 5),
    "hfft": lambda z: N.fft.hfft(z, 6),
    "ihfft": lambda z: N.fft.ihfft(z.real, dim=0),
    "fftn": lambda z: N.fft.fftn(z, (3, 3)),
    "rfftn": lambda z: N.fft.rfftn(z.real),
    "irfft2": lambda z: N.fft.irfft2(z),
    "stft": lambda z: N.stft(z.reshape(-1), 4, 2, 3, N.hann_window(3, dtype=N.float64)),
    "istft": lambda z: N.istft(z, 4, 1, window=N.ones(4, dtype=N.float64)),
}


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradients(name):
    z = N.tensor(numbers(3, 4), requires_grad=True)
    assert N.autograd.gradcheck(DIFFERENTIABLE[name], (z,))
    if "prime" not in name:
        assert N.autograd.gradgradcheck(DIFFERENTIABLE[name], (z,))


def test_frequencies_and_their_order():
    for n in range(1, 8):
        close(N.fft.fftfreq(n, 0.5, dtype=N.float64), np.fft.fftfreq(n, 0.5))
        close(N.fft.rfftfreq(n, 0.5, dtype=N.float64), np.fft.rfftfreq(n, 0.5))
    x = real(4, 5)
    for dim in (None, 0, (0, 1)):
        close(N.fft.fftshift(N.tensor(x), dim), np.fft.fftshift(x, dim))
        close(N.fft.ifftshift(N.tensor(x), dim), np.fft.ifftshift(x, dim))


# --- windows along a signal -------------------------------------------------------------------------


def spectra(x, n, hop, window):
    """The definition of ``stft`` without ``center``."""
    starts = range(0, x.shape[-1] - n + 1, hop)
    return np.stack([np.fft.fft(x[..., s : s + n] * window) for s in starts], -1)


def test_stft():
    x, w = real(2, 30), np.hanning(7)[1:6]
    t, window = N.tensor(x), N.tensor(w)
    inside = np.pad(w, (1, 2))
    close(N.stft(t, 8, 3, 5, window, center=False, onesided=False, return_complex=True), spectra(x, 8, 3, inside))
    for mode, theirs in (("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap"), ("constant", "constant")):
        y = N.stft(t, 8, 3, 5, window, pad_mode=mode, normalized=True, return_complex=True)
        padded = np.pad(x, ((0, 0), (4, 4)), mode=theirs)
        close(y, spectra(padded, 8, 3, inside)[:, :5] / np.sqrt(8))
    y = N.stft(t, 8, 3, 5, window, center=False, align_to_window=True, return_complex=True)
    close(y, spectra(np.pad(x, ((0, 0), (1, 2))), 8, 3, inside)[:, :5])
    z = numbers(30)
    close(N.stft(N.tensor(z), 8, center=False), spectra(z, 8, 2, np.ones(8)))
    with pytest.warns(UserWarning, match="return_complex=False"):
        assert t.stft(8, return_complex=False).shape == (2, 5, 16, 2)


def test_istft_inverts_stft():
    x = real(2, 30)
    t, window = N.tensor(x), N.hann_window(8, dtype=N.float64)
    for normalized, onesided in product((False, True), (False, True)):
        y = N.stft(t, 10, 2, 8, window, normalized=normalized, onesided=onesided, return_complex=True)
        close(y.istft(10, 2, 8, window, normalized=normalized, length=30), x)
    z = numbers(30)
    y = N.stft(N.tensor(z), 10, 2, 8, window)
    close(N.istft(y, 10, 2, 8, window, return_complex=True), z)
    with pytest.warns(UserWarning, match="shorter than"):
        assert N.istft(y[:6], 10, 2, window=N.ones(10), length=40)[35:].tolist() == [0] * 5


# --- windows ----------------------------------------------------------------------------------------


def test_windows():
    w = N.signal.windows
    for m in (2, 5, 6):
        of = {"dtype": N.float64}
        close(w.hann(m, **of), np.hanning(m))
        close(w.hamming(m, **of), np.hamming(m))
        close(w.blackman(m, **of), np.blackman(m))
        close(w.bartlett(m, **of), np.bartlett(m))
        close(w.kaiser(m, beta=5.0, **of), np.kaiser(m, 5.0))
        k = np.arange(m)
        close(w.cosine(m, **of), np.sin(np.pi * (k + 0.5) / m))
        close(w.exponential(m, tau=2.0, **of), np.exp(-abs(k - (m - 1) / 2) / 2))
        close(w.gaussian(m, std=2.0, **of), np.exp(-(((k - (m - 1) / 2) / 2) ** 2) / 2))
        close(N.hann_window(m, **of), np.hanning(m + 1)[:-1])
        close(N.hamming_window(m, False, 0.5, 0.5, **of), np.hanning(m))
        close(N.blackman_window(m, **of), np.blackman(m + 1)[:-1])
        close(N.bartlett_window(m, **of), np.bartlett(m + 1)[:-1])
        close(N.kaiser_window(m, False, 5.0, **of), np.kaiser(m, 5.0))
    for name in WINDOWS:
        one = getattr(w, name)
        assert one(0).shape == (0,) and one(1).tolist() == one(1, sym=False).tolist() == [1.0]
        close(one(5, sym=False, dtype=N.float64), one(6, dtype=N.float64).numpy()[:-1]) if name != "cosine" else None


# --- what is refused --------------------------------------------------------------------------------

REFUSED = """
RuntimeError Invalid number of data points | t.fft.fft(x, 0)
RuntimeError Invalid number of data points | t.fft.irfft(c[:, :1])
RuntimeError Invalid normalization mode | t.fft.fft(x, norm="foo")
TypeError must be str | t.fft.fft(x, norm=3)
TypeError must be int | t.fft.fft(x, n=2.0)
TypeError must be int | t.fft.fft(x, dim=0.5)
TypeError must be Tensor | t.fft.fft(3)
IndexError out of range | t.fft.fft(x, dim=2)
IndexError no dimensions | t.fft.fft(t.tensor(1.0))
RuntimeError Unsupported dtype Half | t.fft.fft(x.half())
RuntimeError Unsupported dtype BFloat16 | t.fft.rfft(x.bfloat16())
RuntimeError rfft expects a real | t.fft.rfft(c)
RuntimeError ihfft expects a real | t.fft.ihfft(c)
RuntimeError rfftn expects a real | t.fft.rfftn(c)
RuntimeError at least one axis | t.fft.rfftn(t.tensor(1.0))
RuntimeError at least one axis | t.fft.irfftn(c, dim=())
RuntimeError same length | t.fft.fftn(x, s=(2,), dim=(0, 1))
RuntimeError only has 2 dimensions | t.fft.fftn(x, s=(2, 3, 4))
RuntimeError unique | t.fft.fftn(x, dim=(0, 0))
RuntimeError Invalid number of data points | t.fft.fftn(x, s=(0, 3))
IndexError out of range | t.fft.fft2(x[0])
RuntimeError output | t.fft.fft(x, out=t.empty(0))
RuntimeError floating point | t.fft.fftfreq(4, dtype=t.int64)
RuntimeError negative dimension | t.fft.fftfreq(-1)
IndexError out of range | t.fft.fftshift(x, dim=3)
RuntimeError return_complex | t.stft(x, 4)
RuntimeError onesided output | t.stft(c, 4, onesided=True)
RuntimeError expected 0 < win_length | t.stft(x, 2, 1, win_length=3, return_complex=True)
RuntimeError hop_length > 0 | t.stft(x, 2, hop_length=0, return_complex=True)
RuntimeError expected 0 < n_fft | t.stft(x, 9, center=False, return_complex=True)
RuntimeError 1D window | t.stft(x, 2, 1, window=x, return_complex=True)
RuntimeError floating point or complex | t.stft(x.long(), 2, 1, return_complex=True)
RuntimeError align_to_window | t.stft(x, 2, align_to_window=True, return_complex=True)
RuntimeError Padding size | t.stft(x, 20, return_complex=True)
NotImplementedError Unrecognised padding mode | t.stft(x, 2, pad_mode="foo", return_complex=True)
RuntimeError complex-valued | t.istft(x, 4, window=x[0])
RuntimeError frequency dimension | t.istft(c, 4, window=t.ones(4), onesided=False)
RuntimeError hop_length <= win_length | t.istft(c, 4, 0, window=t.ones(4))
RuntimeError Invalid window shape | t.istft(c, 4, window=t.ones(3))
RuntimeError window overlap add min | t.istft(c, 4, window=t.zeros(4))
RuntimeError non-negative | t.hann_window(-1)
RuntimeError floating point | t.hann_window(4, dtype=t.int64)
TypeError must be int | t.hann_window(3.5)
ValueError non-negative | t.signal.windows.gaussian(-4)
ValueError float32 or float64 | t.signal.windows.cosine(4, dtype=t.float16)
ValueError Standard deviation | t.signal.windows.gaussian(4, std=0)
ValueError Tau must be positive | t.signal.windows.exponential(4, tau=0)
ValueError Center must be None | t.signal.windows.exponential(4, center=1)
ValueError beta must be non-negative | t.signal.windows.kaiser(4, beta=-1)
ValueError cannot be empty | t.signal.windows.general_cosine(4, a=[])
TypeError list/tuple | t.signal.windows.general_cosine(4, a=3)
"""


@pytest.mark.parametrize("row", REFUSED.strip().splitlines())
def test_what_is_refused(row):
    message, call = row.split(" | ")
    kind, _, text = message.partition(" ")
    kind = {k.__name__: k for k in (RuntimeError, TypeError, IndexError, ValueError, NotImplementedError)}[kind]
    libraries = [N]
    if HAVE_TORCH:
        import torch

        libraries.append(torch)
    for t in libraries:
        with pytest.raises(kind, match=text) as error:
            eval(call, {"t": t, "x": t.ones(3, 8), "c": t.ones(3, 4) + 0j})
        assert type(error.value) is kind


@pytest.mark.skipif(not HAVE_TORCH, reason="torch is not installed")
def test_windows_are_torchs():
    import torch

    for m, sym in product((2, 5, 6), (False, True)):
        for name in WINDOWS:
            ours, theirs = (getattr(t.signal.windows, name)(m, sym=sym, dtype=t.float64) for t in (N, torch))
            close(ours, theirs.numpy(), 1e-10)
        for name in ("hann", "hamming", "blackman", "bartlett", "kaiser"):
            ours, theirs = (getattr(t, name + "_window")(m, sym, dtype=t.float64) for t in (N, torch))
            close(ours, theirs.numpy(), 1e-10)
