"""no_grad, enable_grad, set_grad_enabled, inference_mode: contexts, decorators, generators, threads."""

from __future__ import annotations

import threading

import pytest
from against_torch import same

import numtorch as nt


def records(lib):
    return (lib.ones(1, requires_grad=True) * 2).requires_grad


def test_contexts_nest_and_restore():
    def run(lib):
        found = [records(lib)]
        with lib.no_grad():
            found.append(records(lib))
            with lib.enable_grad():
                found.append(records(lib))
                with lib.set_grad_enabled(False):
                    found.append(records(lib))
                found.append(records(lib))
            found.append(records(lib))
        found.append(records(lib))
        try:
            with lib.no_grad():
                raise KeyError
        except KeyError:
            found.append(records(lib))
        return found

    same(run)


def test_one_context_entered_twice():
    quiet, found = nt.no_grad(), []
    with quiet:
        with quiet:
            found.append(records(nt))
        found.append(records(nt))
    assert [*found, records(nt)] == [False, False, True]


def test_decorators():
    def run(lib):
        @lib.no_grad()
        def a():
            """doc"""
            return records(lib)

        @lib.no_grad
        def b():
            return records(lib)

        @lib.enable_grad()
        def c():
            return records(lib)

        @lib.inference_mode()
        def d():
            return records(lib), lib.is_inference_mode_enabled()

        @lib.set_grad_enabled(False)
        def e():
            return records(lib)

        found = [a(), b(), c(), d(), e(), a.__name__, a.__doc__, records(lib)]
        with lib.no_grad():
            found += [c(), records(lib)]
        return found

    same(run)


def test_decorated_generators():
    def run(lib):
        log = []

        @lib.no_grad()
        def numbers():
            got = None
            for i in range(3):
                try:
                    got = yield (i, got, records(lib))
                except ValueError as e:
                    got = yield ("caught", str(e), records(lib))
            log.append(records(lib))
            return "end"

        def outer():
            result = yield from numbers()
            log.append((result, records(lib)))

        g = outer()
        found = [next(g), records(lib), g.send("hello"), records(lib), g.throw(ValueError("thrown")), records(lib)]
        found += list(g)
        closed = numbers()
        next(closed)
        closed.close()
        return found, log, records(lib)

    same(run)


def test_set_grad_enabled_as_a_function():
    def run(lib):
        lib.set_grad_enabled(False)
        off = records(lib), lib.is_grad_enabled()
        lib.set_grad_enabled(mode=True)
        return off, records(lib), lib.is_grad_enabled()

    same(run)


def test_inference_mode():
    def run(lib):
        with lib.inference_mode():
            a = records(lib), lib.is_inference_mode_enabled(), lib.is_grad_enabled()
        with lib.inference_mode(mode=False):
            b = records(lib), lib.is_inference_mode_enabled()
        return a, b, lib.is_inference_mode_enabled()

    same(run)


def test_modes_belong_to_threads():
    found = []
    with nt.no_grad():
        t = threading.Thread(target=lambda: found.append(records(nt)))
        t.start()
        t.join()
    assert found == [True]


def test_requires_grad_under_no_grad():
    def run(lib):
        with lib.no_grad():
            x = lib.ones(2, requires_grad=True)
            y = x * 2
            z = lib.zeros(2).requires_grad_()
        return x.requires_grad, y.requires_grad, z.requires_grad, (x * z).requires_grad

    same(run)


@pytest.mark.parametrize("mode", ["no_grad", "inference_mode"])
def test_leaves_may_be_written_where_nothing_is_recorded(mode):
    x = nt.ones(2, requires_grad=True)
    with getattr(nt, mode)():
        x.add_(1)
        x[0] = 5
    assert x.tolist() == [5.0, 2.0] and x.is_leaf and x.requires_grad
