"""Saving and loading: keys, error texts, hooks, and that nothing is half-loaded."""

from collections import OrderedDict

import pytest
from same_as_torch import torch
from test_module import net_of

import numtorch as nt


def bad(framework, net):
    s = net.state_dict()
    del s["first.fc.bias"]
    s["extra"] = framework.ones(1)
    s["head.0.other"] = framework.ones(1)
    s["head.9.weight"] = framework.ones(1)
    s["second.fc.weight"] = framework.ones(1, 2)
    return s


def error(fn):
    with pytest.raises((RuntimeError, TypeError)) as e:
        fn()
    return type(e.value), str(e.value)


@pytest.mark.parametrize("strict", [True, False])
def test_error_text_is_torchs(strict):
    nets = [(f, net_of(f)) for f in (nt, torch)]
    assert error(lambda: nets[0][1].load_state_dict(bad(*nets[0]), strict)) == error(
        lambda: nets[1][1].load_state_dict(bad(*nets[1]), strict)
    )
    assert error(lambda: nets[0][1].load_state_dict([1])) == error(lambda: nets[1][1].load_state_dict([1]))


def test_nothing_is_half_loaded():
    net = net_of(nt)
    before = {k: v.clone() for k, v in net.state_dict().items()}
    s = {k: v + 1 for k, v in bad(nt, net_of(nt)).items()}
    for strict in (True, False):
        with pytest.raises(RuntimeError):
            net.load_state_dict(s, strict)
    assert all(v.equal(before[k]) for k, v in net.state_dict().items())


def test_non_strict_reports_keys():
    net = net_of(nt)
    s = bad(nt, net)
    del s["second.fc.weight"]
    result = net.load_state_dict(s, strict=False)
    other = net_of(torch)
    t = bad(torch, other)
    del t["second.fc.weight"]
    expected = other.load_state_dict(t, strict=False)
    assert result.missing_keys == expected.missing_keys and result.unexpected_keys == expected.unexpected_keys
    assert repr(result) == repr(expected)
    assert str(net.load_state_dict(net.state_dict())) == "<All keys matched successfully>"


def test_round_trip_shares_or_copies():
    a, b = net_of(nt), net_of(nt)
    assert not a.first.fc.weight.equal(b.first.fc.weight)
    b.load_state_dict(a.state_dict())
    assert a.first.fc.weight.equal(b.first.fc.weight) and type(b.first.fc.weight) is nt.nn.Parameter
    a.state_dict()["first.fc.weight"].zero_()  # shares memory with the parameter
    assert not a.first.fc.weight.any() and b.first.fc.weight.any()
    assert a.state_dict(keep_vars=True)["first.scale"] is a.first.scale
    assert type(a.state_dict()["first.scale"]) is nt.Tensor and not a.state_dict()["first.scale"].requires_grad
    assert list(a.head.state_dict(prefix="p.")) == ["p.0.weight"]
    destination = OrderedDict()
    assert a.head.state_dict(destination=destination) is destination


def test_assign_takes_tensors_over():
    net = net_of(nt)
    s = {k: v.double() for k, v in net.state_dict().items()}
    net.first.scale.requires_grad_(False)
    net.load_state_dict(s, assign=True)
    assert net.first.fc.weight.dtype is nt.float64 and type(net.first.fc.weight) is nt.nn.Parameter
    assert net.first.fc.weight.requires_grad and not net.first.scale.requires_grad
    s["second.fc.weight"].zero_()
    assert not net.second.fc.weight.any()


def test_loading_converts_and_accepts_old_scalars():
    m = nt.nn.Module()
    m.p = nt.nn.Parameter(nt.tensor(0.0))
    m.load_state_dict({"p": nt.tensor([2.0], dtype=nt.float64)})
    assert m.p.item() == 2 and m.p.dtype is nt.float32
    with pytest.raises(
        RuntimeError, match="expected torch.Tensor or Tensor-like object from checkpoint but received <class 'int'>"
    ):
        m.load_state_dict({"p": 3})


def extra_of(framework):
    class Extra(framework.nn.Module):
        def __init__(self):
            super().__init__()
            self.value = 1

        def get_extra_state(self):
            return {"value": self.value}

        def set_extra_state(self, state):
            self.value = state["value"]

    return framework.nn.Sequential(Extra(), framework.nn.Linear(1, 1))


def test_extra_state():
    m = extra_of(nt)
    assert list(m.state_dict()) == list(extra_of(torch).state_dict())
    m[0].value = 5
    other = extra_of(nt)
    other.load_state_dict(m.state_dict())
    assert other[0].value == 5
    s = m.state_dict()
    del s["0._extra_state"]
    with pytest.raises(RuntimeError, match='Missing key.*"0._extra_state"'):
        other.load_state_dict(s)
    s = other.state_dict()
    s["1._extra_state"], s["0._extra_state"] = 3, {"value": 9}
    with pytest.raises(RuntimeError, match='Unexpected key.*"1._extra_state"'):
        other.load_state_dict(s)
    assert other[0].value == 5


def test_extra_state_is_not_asked_for_before_it_is_set():
    class Late(nt.nn.Module):
        def get_extra_state(self):
            return self.value

        def set_extra_state(self, state):
            self.value = state

    m = Late()
    m.load_state_dict({"_extra_state": 3})
    assert m.value == 3


def test_hooks():
    m = nt.nn.Sequential(nt.nn.Linear(2, 2))
    seen = []
    m.register_state_dict_pre_hook(lambda module, prefix, keep: seen.append(("pre", prefix, keep)))
    post = m.register_state_dict_post_hook(lambda module, s, prefix, meta: s.update(more=nt.ones(1)))
    s = m.state_dict()
    assert seen == [("pre", "", False)] and "more" in s
    post.remove()
    assert "more" not in m.state_dict()

    def rename(module, state, prefix, *rest):
        assert module is m
        if "old" in state:
            state["0.bias"] = state.pop("old")

    m.register_load_state_dict_pre_hook(rename)
    del s["more"]
    s["old"] = s.pop("0.bias") + 1
    m.load_state_dict(s)
    assert m[0].bias.equal(s["old"])

    excuse = m.register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.clear())
    assert not m.load_state_dict({"0.weight": nt.zeros(2, 2)}).missing_keys
    assert not m[0].weight.any()
    excuse.remove()
    m.register_load_state_dict_post_hook(lambda module, keys: None)
    with pytest.raises(RuntimeError, match="Missing"):
        m.load_state_dict({"0.weight": nt.ones(2, 2)})
    assert not m[0].weight.any()  # undone
    with pytest.raises(RuntimeError, match="post-hook must return None"):
        m.register_state_dict_post_hook(lambda *a: {})
        m.state_dict()


def test_subclass_may_override_loading():
    class Lenient(nt.nn.Linear):
        def _load_from_state_dict(self, state_dict, prefix, *rest):
            state_dict.setdefault(prefix + "bias", nt.zeros(self.out_features))
            super()._load_from_state_dict(state_dict, prefix, *rest)

    m = nt.nn.Sequential(Lenient(2, 3))
    m.load_state_dict({"0.weight": nt.ones(3, 2)})
    assert m[0].bias.tolist() == [0, 0, 0]
