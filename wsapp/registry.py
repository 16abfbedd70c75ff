"""Which applications there are, and how ``--app`` names one.

A registered application comes from a Twisted plugin (:class:`~wsapp.AppPlugin`) or from the entry-point
group ``wsapp.apps``; any other is named by its module or file and its class.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import entry_points
from types import ModuleType, UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from twisted.plugin import getPlugins

from wsapp.app import App
from wsapp.appplugin import IAppPlugin
from wsapp.credentials import TOKEN
from wsapp.errors import NoSuchApp, RegistryError
from wsapp.limitoptions import OPTIONS, PER_APP, parseLimit
from wsapp.terms import Served
from wsapp.wire.headers import isToken
from wsapp.wire.resumption import SUBPROTOCOL

__all__ = ["Choice", "Registered", "load", "registered"]

ENTRY_POINTS = "wsapp.apps"


class Registered(NamedTuple):
    """An application that ``--app`` knows by name."""

    name: str
    description: str
    target: str


def registered() -> dict[str, Registered]:
    """All registered applications by name, sorted; of two with one name the Twisted plugin counts."""
    found: dict[str, Registered] = {}
    for point in entry_points(group=ENTRY_POINTS):
        found[point.name] = Registered(point.name, f"from {point.value}", f"{point.module}:{point.attr}")
    plugin: Any
    for plugin in getPlugins(IAppPlugin):
        found[plugin.name] = Registered(plugin.name, plugin.description, plugin.target)
    return dict(sorted(found.items()))


def _split(spec: str) -> list[str]:
    """Split at colons; a backslash makes the character behind it plain."""
    parts = [""]
    characters: Iterator[str] = iter(spec)
    for character in characters:
        if character == "\\":
            parts[-1] += next(characters, "\\")
        elif character == ":":
            parts.append("")
        else:
            parts[-1] += character
    return parts


def load(spec: str) -> tuple[str, App]:
    """Make the application that ``--app`` names.

    :param spec: ``[NAME=]WHAT[:OPTION=VALUE...]`` where WHAT is a registered name,
        ``package.module:Class`` or ``path/to/file.py:Class``, and OPTION one of its own or a limit of its
        clients as the command line calls it (``chat:max-message=16K``).
    :return: The name that it is to be served under, and the application.
    :raises RegistryError: There is no such application, or it does not take these options.
    """
    parts = _split(spec)
    name, equals, what = parts[0].partition("=")
    if not equals:
        name, what = "", parts[0]
    known = registered()
    if len(parts) > 1 and "=" not in parts[1]:
        if what in known and not _isModule(what):
            raise RegistryError(f"{parts[1]!r} is not an option of {what}: give OPTION=VALUE")
        cls = _class(what, parts[1])
        options = parts[2:]
        name = name or cls.__name__.lower()
    elif what in known:
        module, _, attribute = known[what].target.partition(":")
        cls = _class(module, attribute)
        options = parts[1:]
        name = name or what
    elif what.endswith(".py") or "." in what:
        raise RegistryError(f"{what} needs the name of a class: --app {what}:ClassName")
    else:
        near = difflib.get_close_matches(what, known, n=3, cutoff=0.5)
        hint = (
            f"did you mean {' or '.join(near)}?"
            if near
            else f"there are {', '.join(known)}, and package.module:Class or file.py:Class"
        )
        raise RegistryError(f"there is no application {what!r}: {hint}")
    if not isToken(name):
        raise RegistryError(
            f"{name!r} cannot name an application: clients could not ask for it as a subprotocol"
        )
    if name == SUBPROTOCOL:
        raise RegistryError(f"{name!r} cannot name an application: clients that can be resumed offer it")
    if name.startswith(TOKEN):
        raise RegistryError(f"{name!r} cannot name an application: what begins with {TOKEN} carries tokens")
    limits = dict(_limit(option) for option in options if _isLimit(option))
    app = _make(cls, [option for option in options if not _isLimit(option)])
    if limits:
        app.limits = {**app.limits, **limits}
    return name, app


def _isLimit(option: str) -> bool:
    """Whether it is a limit: those have dashes in their names, which options of applications cannot have."""
    return option.partition("=")[0] in OPTIONS


def _limit(option: str) -> tuple[str, object]:
    """A limit of the application's clients: the field and its value."""
    name, equals, text = option.partition("=")
    if not equals:
        raise RegistryError(f"{option!r} needs a value: give {option}=VALUE")
    if OPTIONS[name].field not in PER_APP:
        raise RegistryError(f"{name} is for the whole server: give it as --{name} {text}")
    try:
        return parseLimit(name, text)
    except ValueError as error:
        raise RegistryError(str(error)) from None


def _class(where: str, attribute: str) -> type[App]:
    module = _file(where) if where.endswith(".py") else _module(where)
    cls = getattr(module, attribute, None)
    if isinstance(cls, type) and issubclass(cls, App):
        return cls
    there = sorted(
        key
        for key, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, App) and value is not App
    )
    hint = f"its applications are: {', '.join(there)}" if there else "it has no subclass of wsapp.App"
    problem = (
        f"{where} has no class {attribute!r}"
        if cls is None
        else f"{attribute} is not a subclass of wsapp.App"
    )
    raise RegistryError(f"{problem}; {hint}")


def _isModule(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def _module(name: str) -> ModuleType:
    if not all(name.split(".")):
        raise RegistryError(
            f"{name!r} cannot name a module: give package.module:Class, file.py:Class or a registered name"
        )
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(error.name + ".")):
            raise RegistryError(
                f"there is no module {name!r}: give package.module:Class, file.py:Class or a registered name"
            ) from None
        raise RegistryError(f"{name} cannot be imported: {_why(error)}") from error
    except (Exception, SystemExit) as error:
        raise RegistryError(f"{name} cannot be imported: {_why(error)}") from error


def _file(path: str) -> ModuleType:
    full = os.path.abspath(os.path.expanduser(path))
    if not os.path.isfile(full):
        raise RegistryError(f"there is no file {path}")
    name = os.path.splitext(os.path.basename(full))[0]
    spec = importlib.util.spec_from_file_location(name, full)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    if os.path.dirname(full) not in sys.path:
        sys.path.insert(0, os.path.dirname(full))
    sys.modules.setdefault(name, module)  # dataclasses and pickle look their module up
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        if sys.modules.get(name) is module:
            del sys.modules[name]
        raise RegistryError(f"{path} cannot be imported: {_why(error)}") from error
    return module


def _why(error: BaseException) -> str:
    """An exception as part of one line."""
    if isinstance(error, SyntaxError):
        return f"{error.msg} ({os.path.basename(error.filename or '?')}, line {error.lineno})"
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    place = ""
    if traceback is not None:
        place = f" ({os.path.basename(traceback.tb_frame.f_code.co_filename)}, line {traceback.tb_lineno})"
    return f"{type(error).__name__}: {' '.join(str(error).split())}{place}"


def _make(cls: type[App], options: Sequence[str]) -> App:
    try:
        hints = get_type_hints(cls.__init__)
    except Exception:  # an annotation that cannot be resolved: its options stay text
        hints = {}
    signature = inspect.signature(cls).parameters.values()
    parameters = {
        parameter.name: parameter
        for parameter in signature
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }
    takesAny = any(parameter.kind is parameter.VAR_KEYWORD for parameter in signature)
    values: dict[str, object] = {}
    for option in options:
        name, equals, text = option.partition("=")
        if not equals:
            raise RegistryError(f"{option!r} is not an option of {cls.__name__}: give OPTION=VALUE")
        if name not in parameters and not takesAny:
            there = f"its options are {', '.join(parameters)}" if parameters else "it has none"
            raise RegistryError(f"{cls.__name__} has no option {name!r}; {there}")
        values[name] = _value(name, text, _kind(hints.get(name), parameters.get(name)))
    missing = [
        name
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty and name not in values
    ]
    if missing:
        raise RegistryError(f"{cls.__name__} needs the option {missing[0]}: add :{missing[0]}=VALUE")
    try:
        return cls(**values)
    except ValueError as error:  # the application's own words
        raise RegistryError(f"{cls.__name__}: {' '.join(str(error).split())}") from error
    except Exception as error:
        raise RegistryError(f"{cls.__name__} does not take these options: {_why(error)}") from error


_TRUTH = {
    "yes": True,
    "true": True,
    "on": True,
    "1": True,
    "no": False,
    "false": False,
    "off": False,
    "0": False,
}


def _kind(hint: Any, parameter: inspect.Parameter | None) -> Any:
    """What an option is to be: as it is annotated, else of its default's type."""
    if hint is None:
        return type(parameter.default) if parameter is not None else str
    kinds = [kind for kind in get_args(hint) if kind is not type(None)]
    return kinds[0] if len(kinds) == 1 and get_origin(hint) in (Union, UnionType) else hint


def _value(name: str, text: str, kind: Any) -> object:
    if kind is bool:
        if text.lower() not in _TRUTH:
            raise RegistryError(f"{name}={text!r}: it must be yes or no")
        return _TRUTH[text.lower()]
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            raise RegistryError(
                f"{name}={text!r}: it must be a {'whole ' if kind is int else ''}number"
            ) from None
    return text


class Choice:
    """Which application a handshake asks for.

    :param apps: By name, in the order of the command line; the first is the default.
    """

    def __init__(self, apps: dict[str, Served]) -> None:
        self._apps = apps
        self._bySubprotocol: dict[str, Served] = {}
        # Names come first: what one application speaks beside its name does not hide another.
        self._bySubprotocol.update(apps)
        for served in apps.values():
            for subprotocol in served.app.subprotocols:
                self._bySubprotocol.setdefault(subprotocol, served)

    def __call__(self, path: str, subprotocols: Sequence[str]) -> tuple[Served, str | None]:
        """By subprotocol, else by the path's first segment, else the first one for ``/``.

        :return: The application, and which of the subprotocols offered is agreed to.
        :raises NoSuchApp: None of these.
        """
        for subprotocol in subprotocols:
            if subprotocol in self._bySubprotocol:
                return self._bySubprotocol[subprotocol], subprotocol
        segment = path.lstrip("/").partition("/")[0]
        if segment in self._apps:
            return self._apps[segment], None
        if not segment and self._apps:
            return next(iter(self._apps.values())), None
        raise NoSuchApp("no application answers here")
