"""What a pickle says, read as data: a stack machine that imports nothing, calls nothing and builds plain values only.

It lists every name that the pickle imports, also those by opcodes that torch's own list does not know, and it shows every
tensor's declared shape, so that a file can be refused before any memory is asked for.
"""

import pickletools
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

OPERATIONS = 1_000_000  # a ViT-B with its optimiser has 30,000
DEPTH = 100  # levels of containers; checkpoints have about ten
PLAIN_KEYS = (str, int, float, bool, bytes, type(None))
KEY_PARTS, KEY_LEVELS = 16, 3  # of tuples that are keys


class BadPickleError(Exception):
    """The pickle is cut off, damaged, or made to exhaust its reader; the text says which."""


@dataclass(eq=False, slots=True)
class Import:
    """A name that the pickle imports, as Python 3 calls it."""

    name: str


@dataclass(eq=False, slots=True)
class Called:
    """A call that the pickle asks for, and what it then puts into the result: elements, entries by key, states."""

    function: Any
    arguments: Any
    items: list[Any] = field(default_factory=list)
    entries: list[tuple[Any, Any]] = field(default_factory=list)
    states: list[Any] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What is called, "" for no name."""
        return self.function.name if isinstance(self.function, (Import, Persistent)) else ""


@dataclass(eq=False, slots=True)
class Persistent:
    """A storage, by the words that describe it."""

    words: Any

    @property
    def name(self) -> str:
        """The class, where words describe one, as PyTorch wrote those of modules before 1.6; "" for a storage."""
        match self.words:
            case ("module", Import(name=name), *_):
                return name
        return ""


class Pickled:
    """One pickle, from `source` up to its end: `imports` in order, without repetition, and `value`.

    `imports` holds what was found before `BadPickleError`, which `read` raises.
    """

    def __init__(self) -> None:
        self.imports: dict[str, None] = {}
        self.value: Any = None
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def read(self, source: BinaryIO | bytes) -> Any:
        """Follow the pickle to its end; its value, in which `Import`, `Called` and `Persistent` stand for what is not plain."""
        try:
            for count, (operation, argument, _) in enumerate(pickletools.genops(source)):
                if count > OPERATIONS:
                    raise BadPickleError(f"has more than {OPERATIONS:,} operations, far more than weights need")
                step = _STEPS.get(operation.name)
                if step:
                    step(self, argument)
                elif operation.name not in _SILENT:
                    self.push(argument)
            self.value = self.stack.pop()
        except BadPickleError:
            raise
        except Exception as error:
            # Whatever a made-up stream trips over, it is one that nobody's torch.save wrote.
            raise BadPickleError(f"is cut off or damaged ({type(error).__name__})") from None
        _check_depth(self.value)
        return self.value

    def take(self, name: str, module: str) -> None:
        module, name = str(module), str(name)
        if (module, name) in NAME_MAPPING:
            module, name = NAME_MAPPING[module, name]
        module = IMPORT_MAPPING.get(module, module)
        full = f"{module}.{name}"
        self.imports[full] = None
        self.push(Import(full))

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def popped(self) -> list[Any]:
        items, self.stack = self.stack, self.marks.pop()
        return items

    def call(self, function: Any, arguments: Any) -> None:
        self.push(Called(function, arguments))

    def put(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, (Called, list)):
            (target.items if isinstance(target, Called) else target).extend(items)

    def set(self, items: list[Any]) -> None:
        target = self.stack[-1]
        keys, values = items[::2], items[1::2]
        if any(not _plain_key(key) for key in keys):
            raise BadPickleError("uses as keys what is no name and no number")
        if isinstance(target, dict):
            target.update(zip(keys, values, strict=True))
        elif isinstance(target, Called):
            target.entries.extend(zip(keys, values, strict=True))

    def mark(self) -> None:
        self.marks.append(self.stack)
        self.stack = []


def _plain_key(key: Any, levels: int = KEY_LEVELS) -> bool:
    # The hash of nested tuples takes time exponential in their depth.
    if type(key) is tuple:
        return bool(levels) and len(key) <= KEY_PARTS and all(_plain_key(part, levels - 1) for part in key)
    # Names and calls are hashed by what they are, not by what they say.
    return isinstance(key, (*PLAIN_KEYS, Import, Called, Persistent))


def children(value: Any) -> Iterator[Any]:
    """What a value of `Pickled` holds directly."""
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, (list, tuple)):
        yield from value
    elif isinstance(value, Called):
        yield from (value.function, value.arguments, *value.items, *value.states)
        yield from (entry for _, entry in value.entries)
    elif isinstance(value, Persistent):
        yield value.words


def walk(value: Any) -> Iterator[tuple[Any, int]]:
    """Every part of `value` with its depth, each once, however often it is referred to."""
    seen, level, depth = set(), [value], 0
    while level:
        below = []
        for part in level:
            if id(part) not in seen:
                seen.add(id(part))
                yield part, depth
                below.extend(children(part))
        level, depth = below, depth + 1


def _check_depth(value: Any) -> None:
    if any(depth > DEPTH for _, depth in walk(value)):
        raise BadPickleError(f"is nested deeper than {DEPTH} levels")


def _pair(pickled: Pickled) -> tuple[Any, Any]:
    second, first = pickled.stack.pop(), pickled.stack.pop()
    return first, second


def _tuple(count: int) -> Callable[[Pickled, Any], None]:
    def step(pickled: Pickled, _: Any) -> None:
        items = pickled.stack[-count:]
        if len(items) < count:
            raise IndexError
        pickled.stack[-count:] = [tuple(items)]

    return step


def _inst(pickled: Pickled, argument: str) -> None:
    items = pickled.popped()
    pickled.take(*reversed(argument.split(" ", 1)))
    pickled.call(pickled.stack.pop(), tuple(items))


def _obj(pickled: Pickled, _: Any) -> None:
    function, *arguments = pickled.popped()
    pickled.call(function, tuple(arguments))


def _new(pickled: Pickled, _: Any) -> None:
    arguments, keywords = _pair(pickled)
    pickled.call(pickled.stack.pop(), (arguments, keywords))


def _build(pickled: Pickled, _: Any) -> None:
    target, state = _pair(pickled)
    if isinstance(target, Called):
        target.states.append(state)
    else:
        target = Called(target, state)
    pickled.push(target)


def _items(pickled: Pickled) -> dict[Any, Any]:
    items = pickled.popped()
    pickled.push({})
    pickled.set(items)
    return pickled.stack[-1]


# Every opcode but the constants, whose argument is their value.
_STEPS: dict[str, Callable[[Pickled, Any], Any]] = {
    "GLOBAL": lambda p, a: p.take(*reversed(a.split(" ", 1))),
    "STACK_GLOBAL": lambda p, a: p.take(p.stack.pop(), p.stack.pop()),
    "INST": _inst,
    "OBJ": _obj,
    "NEWOBJ": lambda p, a: p.call(*_pair(p)),
    "NEWOBJ_EX": _new,
    "REDUCE": lambda p, a: p.call(*_pair(p)),
    "BUILD": _build,
    "EXT1": lambda p, a: p.take(str(a), "copyreg.extension"),
    "EXT2": lambda p, a: p.take(str(a), "copyreg.extension"),
    "EXT4": lambda p, a: p.take(str(a), "copyreg.extension"),
    "PERSID": lambda p, a: p.push(Persistent(a)),
    "BINPERSID": lambda p, a: p.push(Persistent(p.stack.pop())),
    "MARK": lambda p, a: p.mark(),
    "POP": lambda p, a: p.stack.pop() if p.stack else p.popped(),
    "POP_MARK": lambda p, a: p.popped(),
    "DUP": lambda p, a: p.push(p.stack[-1]),
    "EMPTY_TUPLE": lambda p, a: p.push(()),
    "EMPTY_LIST": lambda p, a: p.push([]),
    "EMPTY_DICT": lambda p, a: p.push({}),
    "EMPTY_SET": lambda p, a: p.push([]),
    "TUPLE": lambda p, a: p.push(tuple(p.popped())),
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    "LIST": lambda p, a: p.push(p.popped()),
    "FROZENSET": lambda p, a: p.push(p.popped()),
    "DICT": lambda p, a: _items(p),
    "APPEND": lambda p, a: p.put([p.stack.pop()]),
    "APPENDS": lambda p, a: p.put(p.popped()),
    "ADDITEMS": lambda p, a: p.put(p.popped()),
    "SETITEM": lambda p, a: p.set(list(_pair(p))),
    "SETITEMS": lambda p, a: p.set(p.popped()),
    "PUT": lambda p, a: p.memo.__setitem__(a, p.stack[-1]),
    "BINPUT": lambda p, a: p.memo.__setitem__(a, p.stack[-1]),
    "LONG_BINPUT": lambda p, a: p.memo.__setitem__(a, p.stack[-1]),
    "MEMOIZE": lambda p, a: p.memo.__setitem__(len(p.memo), p.stack[-1]),
    "GET": lambda p, a: p.push(p.memo[a]),
    "BINGET": lambda p, a: p.push(p.memo[a]),
    "LONG_BINGET": lambda p, a: p.push(p.memo[a]),
    "NONE": lambda p, a: p.push(None),
    "NEWTRUE": lambda p, a: p.push(True),
    "NEWFALSE": lambda p, a: p.push(False),
}
_SILENT = {"PROTO", "FRAME", "STOP", "READONLY_BUFFER"}
