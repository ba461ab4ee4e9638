"""State dicts: collects the tensors of a module by path, and loads them back, either all or none."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any

from numtorch import notices
from numtorch._tensor import Tensor
from numtorch.grad_mode import no_grad
from numtorch.nn.hooks import WithModule
from numtorch.nn.parameter import Parameter

_EXTRA = "_extra_state"


class _IncompatibleKeys(namedtuple("_IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What ``load_state_dict`` found missing in the dict, and what it had no place for."""

    __slots__ = ()

    def __repr__(self) -> str:
        return (
            "<All keys matched successfully>"
            if not self.missing_keys and not self.unexpected_keys
            else super().__repr__()
        )

    __str__ = __repr__


def _defines(module: Any, method: str) -> bool:
    """Whether a class has such a method of its own, other than every module's."""
    return getattr(type(module), method).__module__ != "numtorch.nn.module"


def _persistent(module: Any) -> Any:
    buffers = [(k, v) for k, v in module._buffers.items() if k not in module._non_persistent_buffers_set]
    return ((k, v) for k, v in chain(module._parameters.items(), buffers) if v is not None)


# --- saving ---------------------------------------------------------------------------------------------


def save(module: Any, destination: Any, prefix: str, keep_vars: bool) -> Any:
    """The tensors of a module and those below it, with versions under ``_metadata``."""
    if destination is None:
        destination = OrderedDict()
        destination._metadata = OrderedDict()
    metadata = {"version": module._version}
    if hasattr(destination, "_metadata"):
        destination._metadata[prefix[:-1]] = metadata
    for hook in module._state_dict_pre_hooks.values():
        hook(module, prefix, keep_vars)
    module._save_to_state_dict(destination, prefix, keep_vars)
    for name, child in module._modules.items():
        if child is not None:
            child.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
    for hook in module._state_dict_hooks.values():
        result = hook(module, destination, prefix, metadata)
        if result is not None:
            if getattr(hook, "_from_public_api", False):
                raise RuntimeError("state_dict post-hook must return None")
            destination = result
    return destination


def save_own(module: Any, destination: Any, prefix: str, keep_vars: bool) -> None:
    """The tensors of the module itself."""
    for name, t in _persistent(module):
        destination[prefix + name] = t if keep_vars else t.detach()
    if _defines(module, "get_extra_state"):
        destination[prefix + _EXTRA] = module.get_extra_state()


# --- loading --------------------------------------------------------------------------------------------


class _Write:
    """One tensor to be put in its place, and taken out again if loading fails after all."""

    def __init__(self, module: Any, name: str, value: Tensor, assign: bool):
        self.module, self.name, self.value, self.assign = module, name, value, assign
        self.target: Tensor = getattr(module, name)
        self.before: Tensor | None = None

    def apply(self, undoable: bool) -> None:
        if self.assign:
            value = self.value
            if isinstance(self.target, Parameter):
                wants = self.target.requires_grad
                value = value.requires_grad_(wants) if isinstance(value, Parameter) else Parameter(value, wants)
            setattr(self.module, self.name, value)
            return
        if undoable:
            self.before = self.target.detach().clone()
        if self.target.device.type == "meta" and self.value.device.type != "meta":
            notices.warn(
                f"for {self.name}: copying from a non-meta parameter in the checkpoint to a meta parameter in the "
                "current model, which is a no-op. (Did you mean to pass `assign=True` to assign items in the state "
                "dictionary to their corresponding key in the module instead of copying them in place?)"
            )
        self.target.copy_(self.value)

    def undo(self) -> None:
        if self.assign:
            setattr(self.module, self.name, self.target)
        elif self.before is not None:
            self.target.copy_(self.before)


class _WriteExtra:
    """``set_extra_state`` with what the dict holds."""

    def __init__(self, module: Any, value: Any):
        self.module, self.value = module, value
        self.before: list[Any] = []

    def apply(self, undoable: bool) -> None:
        if undoable and _defines(self.module, "get_extra_state"):
            self.before.append(self.module.get_extra_state())
        self.module.set_extra_state(self.value)

    def undo(self) -> None:
        for state in self.before:
            self.module.set_extra_state(state)


def load(module: Any, state_dict: Mapping[str, Any], strict: bool, assign: bool) -> _IncompatibleKeys:
    """Check every tensor, then write them all."""
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
    metadata = getattr(state_dict, "_metadata", None)
    given: Any = OrderedDict(state_dict)
    if metadata is not None:
        given._metadata = metadata
    keys = _IncompatibleKeys([], [])
    errors: list[str] = []
    writes: list[Any] = []
    after: list[Callable] = []

    def check(m: Any, part: Any, prefix: str) -> None:
        local = dict({} if metadata is None else metadata.get(prefix[:-1], {}), writes=writes)
        if assign:
            local["assign_to_params_buffers"] = True
        m._load_from_state_dict(part, prefix, local, True, keys.missing_keys, keys.unexpected_keys, errors)
        for name, child in m._modules.items():
            if child is not None:
                below = f"{prefix}{name}."
                check(child, OrderedDict((k, v) for k, v in part.items() if k.startswith(below)), below)
        after.extend((lambda h=h: h(m, keys)) for h in m._load_state_dict_post_hooks.values())

    check(module, given, "")
    # Hooks may still excuse missing and unexpected keys; other errors are final.
    if errors or (not after and strict and (keys.missing_keys or keys.unexpected_keys)):
        raise _failure(module, keys if strict else None, errors)
    undoable = bool(after)
    done = []
    try:
        with no_grad():
            for w in writes:
                w.apply(undoable)
                done.append(w)
            for hook in after:
                if hook() is not None:
                    raise AssertionError(
                        "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return new "
                        "values, if incompatible_keys need to be modified, it should be done inplace."
                    )
        if strict and (keys.missing_keys or keys.unexpected_keys):
            raise _failure(module, keys, errors)
    except Exception:
        with no_grad():
            for w in reversed(done):
                w.undo()
        raise
    return keys


def _failure(module: Any, keys: _IncompatibleKeys | None, errors: list[str]) -> RuntimeError:
    lines = []
    for what, names in (
        (("Missing", keys.missing_keys), ("Unexpected", keys.unexpected_keys)) if keys is not None else ()
    ):
        if names:
            lines.append(f"{what} key(s) in state_dict: " + ", ".join(f'"{k}"' for k in names) + ". ")
    return RuntimeError(
        f"Error(s) in loading state_dict for {type(module).__name__}:\n\t" + "\n\t".join(lines + errors)
    )


def load_own(
    module: Any,
    state_dict: Any,
    prefix: str,
    local_metadata: dict,
    strict: bool,
    missing_keys: list,
    unexpected_keys: list,
    error_msgs: list,
) -> None:
    """Check the tensors of the module itself; write them, or leave that to whoever gave a list of ``writes``."""
    for hook in module._load_state_dict_pre_hooks.values():
        args = state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        hook(module, *args) if isinstance(hook, WithModule) else hook(*args)
    writes: list[Any] = []
    members = dict(_persistent(module))
    for name, target in members.items():
        key = prefix + name
        if key not in state_dict:
            if strict:
                missing_keys.append(key)
            continue
        value = state_dict[key]
        if not isinstance(value, Tensor):
            error_msgs.append(
                f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object from '
                f"checkpoint but received {type(value)}"
            )
            continue
        if not target.shape and tuple(value.shape) == (1,):
            value = value[0]  # scalars were saved with one dimension long ago
        if value.shape != target.shape:
            error_msgs.append(
                f"size mismatch for {key}: copying a param with shape {value.shape} from checkpoint, the shape in "
                f"current model is {target.shape}."
            )
            continue
        writes.append(_Write(module, name, value, local_metadata.get("assign_to_params_buffers", False)))
    extra = prefix + _EXTRA
    if _defines(module, "set_extra_state"):
        if extra in state_dict:
            writes.append(_WriteExtra(module, state_dict[extra]))
        elif strict:
            missing_keys.append(extra)
    elif strict and extra in state_dict:
        unexpected_keys.append(extra)
    if strict:
        for key in state_dict:
            name, dot, _ = key[len(prefix) :].partition(".")
            if key.startswith(prefix) and key != extra and name not in (module._modules if dot else members):
                unexpected_keys.append(key)
    if "writes" in local_metadata:
        local_metadata["writes"] += writes
    elif not error_msgs:
        with no_grad():
            for w in writes:
                w.apply(False)
