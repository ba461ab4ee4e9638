"""Trees of containers: lists, tuples, dicts and classes that are registered, taken apart into leaves and put together.

Names and behaviour are those of ``torch.utils._pytree``, which libraries register their classes with.

>>> from numtorch.utils import _pytree
>>> leaves, spec = _pytree.tree_flatten({"a": [1, 2], "b": (3,)})
>>> leaves, _pytree.tree_unflatten([n * 10 for n in leaves], spec)
([1, 2, 3], {'a': [10, 20], 'b': (30,)})
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numtorch as nt

Context = Any
PyTree = Any


class NodeDef(NamedTuple):
    """How a class is taken apart and put together.

    Attributes:
        type: the class.
        flatten_fn: gives (children, context) of an object.
        unflatten_fn: gives the object of children and context.
        flatten_with_keys_fn: gives ((key, child) pairs, context), if the class has it.
    """

    type: Any
    flatten_fn: Callable[[Any], tuple[list, Context]]
    unflatten_fn: Callable[[Iterable, Context], Any]
    flatten_with_keys_fn: Callable[[Any], tuple[list, Context]] | None


@dataclass(frozen=True)
class SequenceKey:
    """The place of an item in a sequence."""

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx!r}]"

    def get(self, sequence: Any) -> Any:
        """The item."""
        return sequence[self.idx]


@dataclass(frozen=True)
class MappingKey:
    """The place of an item in a dict."""

    key: Any

    def __str__(self) -> str:
        return f"[{self.key!r}]"

    def get(self, mapping: Any) -> Any:
        """The item."""
        return mapping[self.key]


@dataclass(frozen=True)
class GetAttrKey:
    """The place of an item that is an attribute."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"

    def get(self, obj: Any) -> Any:
        """The item."""
        return getattr(obj, self.name)


class TreeSpec:
    """The form of a tree without its leaves.

    Attributes:
        type: the class of the node; None of a leaf.
        context: what the class needs to put the node together.
        num_leaves, num_nodes, num_children: below and with this node.
    """

    def __init__(self, type: Any, context: Any, children: Iterable[TreeSpec] = ()):
        self.type, self.context = type, context
        self.children_specs = self._children = list(children)
        self.num_children = len(self._children)
        self.num_leaves: int = sum(c.num_leaves for c in self._children) if type is not None else 1
        self.num_nodes: int = 1 + sum(c.num_nodes for c in self._children)

    def is_leaf(self) -> bool:
        """Whether the tree is one leaf."""
        return self.type is None

    def children(self) -> list[TreeSpec]:
        """The forms of the children."""
        return list(self._children)

    def child(self, index: int) -> TreeSpec:
        """The form of one child."""
        return self._children[index]

    def unflatten(self, leaves: Iterable) -> Any:
        """The tree with these leaves."""
        return tree_unflatten(leaves, self)

    def flatten_up_to(self, tree: Any) -> list:
        """The parts of a tree that stand where this form has its leaves; ValueError if it has another form."""
        if self.type is None:
            return [tree]
        if _kind(tree) is not self.type:
            raise ValueError(f"Node type mismatch; expected {self.type}, but got {type(tree)}")
        children, context = _NODES[self.type].flatten_fn(tree)
        if len(children) != self.num_children or (self.type not in (dict, OrderedDict) and context != self.context):
            raise ValueError(f"Node arity or context mismatch: {context!r} is not {self.context!r}")
        if self.type in (dict, OrderedDict):
            if set(context) != set(self.context):
                raise ValueError(f"Node keys mismatch: {context!r} are not {self.context!r}")
            children = [tree[key] for key in self.context]
        return [
            part for child, spec in zip(children, self._children, strict=True) for part in spec.flatten_up_to(child)
        ]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TreeSpec):
            return NotImplemented
        mine, theirs = (self.type, self.context, self._children), (other.type, other.context, other._children)
        return mine == theirs

    def __hash__(self) -> int:
        return hash((self.type, self.num_leaves, self.num_nodes))

    def __repr__(self) -> str:
        if self.type is None:
            return "*"
        return f"TreeSpec({self.type.__name__}, {self.context!r}, {self._children!r})"


class LeafSpec(TreeSpec):
    """The form of a single leaf."""

    def __init__(self) -> None:
        super().__init__(None, None)


_LEAF = LeafSpec()
SUPPORTED_NODES: dict[Any, NodeDef] = {}
_NODES = SUPPORTED_NODES


def register_pytree_node(
    cls: Any,
    flatten_fn: Callable[[Any], tuple[list, Context]],
    unflatten_fn: Callable[[Iterable, Context], Any],
    *,
    serialized_type_name: str | None = None,
    to_dumpable_context: Any = None,
    from_dumpable_context: Any = None,
    flatten_with_keys_fn: Any = None,
) -> None:
    """Let trees be taken apart at objects of a class.

    Args:
        cls: the class; subclasses are registered on their own.
        flatten_fn: gives (children, context) of an object.
        unflatten_fn: gives the object of children and context.
        serialized_type_name, to_dumpable_context, from_dumpable_context: accepted.
        flatten_with_keys_fn: gives ((key, child) pairs, context).

    Raises:
        ValueError: the class is registered already.
    """
    if cls in _NODES:
        raise ValueError(f"{cls} is already registered as pytree node.")
    _NODES[cls] = NodeDef(cls, flatten_fn, unflatten_fn, flatten_with_keys_fn)


_register_pytree_node = register_pytree_node


def _deregister_pytree_node(cls: Any) -> None:
    del _NODES[cls]


def is_namedtuple_class(cls: Any) -> bool:
    """Whether a class was made by ``namedtuple``."""
    return isinstance(cls, type) and issubclass(cls, tuple) and isinstance(getattr(cls, "_fields", None), tuple)


def _kind(tree: Any) -> Any:
    """The class by which a node is taken apart."""
    cls = tree.__class__
    return _NamedTuple if cls not in _NODES and is_namedtuple_class(cls) else cls


_get_node_type = _kind  # as libraries call it


def _is_leaf(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> bool:
    return (is_leaf is not None and is_leaf(tree)) or _kind(tree) not in _NODES


class _NamedTuple:
    """Stands for all classes that ``namedtuple`` makes."""


def _filled_default(values: Iterable, context: Any) -> Any:
    factory, keys = context
    return defaultdict(factory, zip(keys, values, strict=True))


def _mapping(make: Callable) -> Callable:
    return lambda values, keys: make(zip(keys, values, strict=True))


register_pytree_node(list, lambda x: (list(x), None), lambda v, c: list(v))
register_pytree_node(tuple, lambda x: (list(x), None), lambda v, c: tuple(v))
register_pytree_node(deque, lambda x: (list(x), x.maxlen), lambda v, c: deque(v, c))
register_pytree_node(dict, lambda x: (list(x.values()), list(x)), _mapping(dict))
register_pytree_node(OrderedDict, lambda x: (list(x.values()), list(x)), _mapping(OrderedDict))
register_pytree_node(defaultdict, lambda x: (list(x.values()), [x.default_factory, list(x)]), _filled_default)
register_pytree_node(_NamedTuple, lambda x: (list(x), type(x)), lambda v, c: c(*v))
register_pytree_node(nt.Size, lambda x: (list(x), None), lambda v, c: nt.Size(v))


def tree_is_leaf(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> bool:
    """Whether a tree is one leaf."""
    return _kind(tree) not in _NODES or (is_leaf is not None and is_leaf(tree))


def tree_flatten(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list, TreeSpec]:
    """The leaves of a tree, and its form."""
    leaves: list = []
    return leaves, _flatten(tree, leaves, is_leaf)


def _flatten(tree: Any, leaves: list, is_leaf: Callable[[Any], bool] | None) -> TreeSpec:
    kind = _kind(tree)
    node = _NODES.get(kind)
    if node is None or (is_leaf is not None and is_leaf(tree)):
        leaves.append(tree)
        return _LEAF
    children, context = node.flatten_fn(tree)
    return TreeSpec(kind, context, [_flatten(child, leaves, is_leaf) for child in children])


def tree_unflatten(leaves: Iterable, treespec: TreeSpec) -> Any:
    """The tree of this form with these leaves; ValueError if there are not as many."""
    leaves = list(leaves)
    if len(leaves) != treespec.num_leaves:
        raise ValueError(
            f"tree_unflatten(leaves, treespec): `leaves` has length {len(leaves)} but the spec refers to a pytree "
            f"that holds {treespec.num_leaves} items ({treespec})."
        )
    return _unflatten(iter(leaves), treespec)


def _unflatten(leaves: Iterator, spec: TreeSpec) -> Any:
    if spec.type is None:
        return next(leaves)
    return _NODES[spec.type].unflatten_fn([_unflatten(leaves, child) for child in spec._children], spec.context)


def tree_iter(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> Iterator[Any]:
    """The leaves, one after the other."""
    return iter(tree_leaves(tree, is_leaf))


def tree_leaves(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> list:
    """The leaves of a tree."""
    return tree_flatten(tree, is_leaf)[0]


def tree_structure(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> TreeSpec:
    """The form of a tree."""
    return tree_flatten(tree, is_leaf)[1]


def tree_map(fn: Callable, tree: Any, *rests: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """The tree of what a function makes of each leaf, and of the parts of other trees in its place."""
    leaves, spec = tree_flatten(tree, is_leaf)
    return tree_unflatten(map(fn, leaves, *[spec.flatten_up_to(rest) for rest in rests]), spec)


def tree_map_(fn: Callable, tree: Any, *rests: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """Call a function of each leaf; the tree itself."""
    tree_map(fn, tree, *rests, is_leaf=is_leaf)
    return tree


def map_only(kinds: Any, /) -> Callable[[Callable], Callable]:
    """A function of leaves of certain types, which leaves others as they are."""
    fits = kinds if callable(kinds) and not isinstance(kinds, type) else lambda x: isinstance(x, kinds)
    return lambda fn: lambda x: fn(x) if fits(x) else x


def tree_map_only(
    type_or_types_or_pred: Any, /, fn: Callable, tree: Any, is_leaf: Callable[[Any], bool] | None = None
) -> Any:
    """``tree_map`` of the leaves of certain types."""
    return tree_map(map_only(type_or_types_or_pred)(fn), tree, is_leaf=is_leaf)


def tree_map_only_(
    type_or_types_or_pred: Any, /, fn: Callable, tree: Any, is_leaf: Callable[[Any], bool] | None = None
) -> Any:
    """``tree_map_`` of the leaves of certain types."""
    return tree_map_(map_only(type_or_types_or_pred)(fn), tree, is_leaf=is_leaf)


def tree_all(pred: Callable[[Any], bool], tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> bool:
    """Whether a predicate holds for all leaves."""
    return all(map(pred, tree_iter(tree, is_leaf)))


def tree_any(pred: Callable[[Any], bool], tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> bool:
    """Whether a predicate holds for some leaf."""
    return any(map(pred, tree_iter(tree, is_leaf)))


def _with_keys(tree: Any, path: tuple, is_leaf: Callable[[Any], bool] | None) -> Iterator[tuple[tuple, Any]]:
    node = _NODES.get(_kind(tree))
    if node is None or (is_leaf is not None and is_leaf(tree)):
        yield path, tree
        return
    if node.flatten_with_keys_fn is not None:
        pairs, _ = node.flatten_with_keys_fn(tree)
    elif isinstance(tree, dict):
        pairs = [(MappingKey(k), v) for k, v in tree.items()]
    elif is_namedtuple_class(type(tree)):
        pairs = [(GetAttrKey(k), v) for k, v in zip(tree._fields, tree, strict=True)]
    else:
        pairs = [(SequenceKey(i), v) for i, v in enumerate(node.flatten_fn(tree)[0])]
    for key, child in pairs:
        yield from _with_keys(child, (*path, key), is_leaf)


def tree_leaves_with_path(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> list[tuple[tuple, Any]]:
    """(path, leaf) of each leaf."""
    return list(_with_keys(tree, (), is_leaf))


def tree_flatten_with_path(
    tree: Any, is_leaf: Callable[[Any], bool] | None = None
) -> tuple[list[tuple[tuple, Any]], TreeSpec]:
    """(path, leaf) of each leaf, and the form."""
    return tree_leaves_with_path(tree, is_leaf), tree_structure(tree, is_leaf)


def tree_map_with_path(fn: Callable, tree: Any, *rests: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """``tree_map`` of a function that also gets the path."""
    pairs, spec = tree_flatten_with_path(tree, is_leaf)
    others = [spec.flatten_up_to(rest) for rest in rests]
    return tree_unflatten([fn(path, x, *rest) for (path, x), *rest in zip(pairs, *others, strict=True)], spec)


def keystr(path: tuple) -> str:
    """A path as text."""
    return "".join(map(str, path))


def key_get(obj: Any, path: tuple) -> Any:
    """What stands at a path."""
    for key in path:
        obj = key.get(obj)
    return obj
