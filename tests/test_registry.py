"""Tests of `wsapp.registry` and `wsapp.appplugin`'s part in it."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsapp.app import App
from wsapp.apps.chat import Chat
from wsapp.apps.echo import Echo
from wsapp.broadcast import Audience
from wsapp.brokers.memory import MemoryBroker
from wsapp.errors import NoSuchApp, RegistryError
from wsapp.limits import Limits
from wsapp.registry import Choice, load, registered
from wsapp.terms import Served

#: What files of the tests begin with.
HEAD = "from __future__ import annotations\nfrom typing import Optional\nfrom wsapp import App\n\n"


class LoadCase(SynchronousTestCase):
    """A case with a folder of its own, which is the current one, and whose modules are forgotten."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        self.patch(sys, "path", list(sys.path))
        before = set(sys.modules)

        def forget() -> None:
            for name in set(sys.modules) - before:
                file = getattr(sys.modules[name], "__file__", None) or ""
                if file.startswith(str(self.folder)):
                    del sys.modules[name]

        self.addCleanup(forget)

    def write(self, name: str, text: str) -> Path:
        """Write a file of the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HEAD + textwrap.dedent(text), encoding="utf-8")
        return path

    def refused(self, spec: str, *words: str) -> str:
        """Assert that a spec is refused by one line that has these words."""
        line = str(self.assertRaises(RegistryError, load, spec))
        self.assertNotIn("\n", line)
        for word in words:
            self.assertIn(word, line)
        return line


class RegisteredTests(LoadCase):
    """Which applications there are."""

    def distribution(self, **points: str) -> None:
        """Pretend that a distribution with entry points is installed."""
        info = self.folder / "more_apps-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: more-apps\nVersion: 1.0\n")
        lines = "".join(f"{name} = {value}\n" for name, value in points.items())
        (info / "entry_points.txt").write_text(f"[wsapp.apps]\n{lines}")
        sys.path.insert(0, str(self.folder))

    def test_ours(self) -> None:
        """echo and chat come with wsapp, as Twisted plugins."""
        known = registered()
        for name, target in (("echo", "wsapp.apps.echo:Echo"), ("chat", "wsapp.apps.chat:Chat")):
            self.assertEqual(known[name].name, name)
            self.assertEqual(known[name].target, target)
            self.assertTrue(known[name].description)
        self.assertEqual(list(known), sorted(known))

    def test_entryPoint(self) -> None:
        """Other packages add theirs by the entry-point group ``wsapp.apps``."""
        self.write("more.py", "class Game(App):\n    pass\n")
        self.distribution(game="more:Game", odd="more:Game [extra]")
        known = registered()
        self.assertEqual(known["game"].target, "more:Game")
        self.assertIn("more:Game", known["game"].description)
        for spec in ("game", "odd"):
            name, app = load(spec)
            self.assertEqual((name, type(app).__name__), (spec, "Game"))

    def test_brokenEntryPoint(self) -> None:
        """One that cannot be loaded does not keep the others from working, and says why when asked for."""
        self.distribution(broken="no_such_module_here:App")
        self.assertIn("broken", registered())
        self.assertIsInstance(load("echo")[1], Echo)
        self.refused("broken", "no_such_module_here")

    def test_pluginCounts(self) -> None:
        """Of two with one name the Twisted plugin counts."""
        self.distribution(echo="more:Game")
        self.assertEqual(registered()["echo"].target, "wsapp.apps.echo:Echo")


class LoadTests(LoadCase):
    """How ``--app`` names one."""

    def test_byName(self) -> None:
        """A registered name, as it is or under another one."""
        name, app = load("echo")
        self.assertEqual(name, "echo")
        self.assertIsInstance(app, Echo)
        name, app = load("room=chat:title=Hello")
        self.assertEqual(name, "room")
        self.assertIsInstance(app, Chat)

    def test_byModule(self) -> None:
        """``package.module:Class``; modules of the current folder are found; the name is the class's."""
        self.write("pack/__init__.py", "")
        self.write("pack/games.py", "class Chess(App):\n    pass\n")
        name, app = load("pack.games:Chess")
        self.assertEqual((name, type(app).__name__, type(app).__module__), ("chess", "Chess", "pack.games"))
        self.assertEqual(load("x=pack.games:Chess")[0], "x")

    def test_moduleNamedLikeAnApp(self) -> None:
        """A module that is called like a registered application can be named too."""
        self.write("echo.py", "class Mine(App):\n    pass\n")
        sys.path.insert(0, str(self.folder))
        self.assertEqual(type(load("echo:Mine")[1]).__module__, "echo")
        self.assertIsInstance(load("echo")[1], Echo)

    def test_byFile(self) -> None:
        """``file.py:Class``, by any path; what is beside the file can be imported."""
        self.write("helper.py", "WORD = 'hi'\n")
        self.write("sub/beside.py", "WORD = 'beside'\n")
        self.write(
            "sub/hello.py",
            """
            from beside import WORD
            from dataclasses import dataclass

            @dataclass
            class Hello(App):
                count: int = 1
                word: str = WORD
            """,
        )
        for path in ("sub/hello.py", "./sub/hello.py", str(self.folder / "sub" / "hello.py")):
            name, app = load(f"{path}:Hello:count=2")
            self.assertEqual((name, vars(app)["count"], vars(app)["word"]), ("hello", 2, "beside"))

    def test_fileInHome(self) -> None:
        """``~`` is the home folder."""
        self.write("hello.py", "class Hello(App):\n    pass\n")
        self.patch(os, "environ", {**os.environ, "HOME": str(self.folder), "USERPROFILE": str(self.folder)})
        self.assertEqual(load("~/hello.py:Hello")[0], "hello")

    def test_fileWithAColon(self) -> None:
        """A colon or a backslash in a path is written with a backslash before it."""
        if os.name != "posix":
            return
        self.write("a:b\\c.py", "class Hello(App):\n    pass\n")
        self.assertEqual(load(r"a\:b\\c.py:Hello")[0], "hello")

    def test_unknown(self) -> None:
        """An unknown name is answered with the nearest ones, or all of them."""
        self.refused("cht", "'cht'", "did you mean", "chat")
        self.refused("ehco", "echo")
        self.refused("xyzzy", "there are", "chat", "echo", "file.py:Class")
        self.refused("", "''")

    def test_noClass(self) -> None:
        """A file or module without the class says which there are."""
        self.write("two.py", "class One(App):\n    pass\n\nclass Two(App):\n    pass\n\nTHREE = 3\n")
        self.write("none.py", "class Other:\n    pass\n")
        self.refused("two.py:Three", "'Three'", "One, Two")
        self.refused("two:Three", "'Three'", "One, Two")
        self.refused("two.py:THREE", "THREE is not a subclass of wsapp.App", "One, Two")
        self.refused("none.py:Other", "Other is not a subclass", "no subclass of wsapp.App")
        self.refused("two.py", "--app two.py:ClassName")
        self.refused("pack.games", "--app pack.games:ClassName")

    def test_noModule(self) -> None:
        """A module or file that is not there."""
        self.refused("no.such.module:Class", "'no.such.module'", "package.module:Class")
        self.refused("nosuch:Class", "'nosuch'")
        self.refused("no/such/file.py:Class", "no/such/file.py")
        for name in ("", ".", ".hidden", "pack.", "pack..games"):
            self.refused(f"{name}:Class", f"{name!r} cannot name a module", "package.module:Class")
        self.refused("a=:Class", "'' cannot name a module")

    def test_cannotBeImported(self) -> None:
        """A file that fails while it is imported says what, where, and in one line."""
        for number, (text, words) in enumerate(
            {
                "import no_such_module_at_all": [
                    "ModuleNotFoundError",
                    "no_such_module_at_all",
                    ".py, line 5",
                ],
                "1 / 0": ["ZeroDivisionError", "line 5"],
                "def (": ["invalid syntax", "line 5"],
                "raise ValueError('two\\nlines')": ["two lines"],
                "raise SystemExit(3)": ["SystemExit: 3"],
                "def f():\n    raise KeyError('deep')\nf()": ["KeyError", "line 6"],
            }.items()
        ):
            self.write(f"bad{number}.py", text)
            self.refused(f"bad{number}.py:Class", f"bad{number}.py cannot be imported", *words)
            self.refused(f"bad{number}:Class", f"bad{number} cannot be imported", *words)

    def test_namesThatCannotBe(self) -> None:
        """A name must be a token, as clients ask for it as a subprotocol."""
        for name in ("a b", "ü", "a/b", "a,b"):
            self.refused(f"{name}=echo", repr(name), "subprotocol")


class OptionTests(LoadCase):
    """Options behind the name."""

    def setUp(self) -> None:
        super().setUp()
        self.write(
            "opts.py",
            """
            class Typed(App):
                def __init__(self, title: str = "", count: int = 1, rate: float = 0.5, on: bool = False,
                             maybe: int | None = None, old: Optional[float] = None, both: int | str = 0,
                             odd: list[int] = [], *, last: str = "z"):
                    self.values = {key: value for key, value in locals().items() if key != "self"}

            class Plain(App):
                def __init__(self, count=20, rate=0.5, on=True, title="t", nothing=None):
                    self.values = {"count": count, "rate": rate, "on": on, "title": title, "nothing": nothing}

            class Needs(App):
                def __init__(self, key):
                    self.values = {"key": key}

            class Any_(App):
                def __init__(self, known: int = 1, **more):
                    self.values = {"known": known, **more}

            class Unresolved(App):
                def __init__(self, a: NoSuchType = 1, b: int = 2):
                    self.values = {"a": a, "b": b}

            class Refuses(App):
                def __init__(self, count: int = 1):
                    if count > 5:
                        raise ValueError("count is at most 5")

            class Nothing(App):
                pass

            class Positional(App):
                def __init__(self, a, /):
                    pass
            """,
        )

    def values(self, spec: str) -> Mapping[str, Any]:
        """What the application was made with."""
        values = vars(load(f"opts.py:{spec}")[1])["values"]
        assert isinstance(values, dict)
        return values

    def test_types(self) -> None:
        """Values are of the annotated types; of None beside one type the other; else text."""
        found = self.values("Typed:title=Hi:count=7:rate=2:on=yes:maybe=3:old=1.5:both=1:odd=2:last=a")
        expected = {
            "title": "Hi",
            "count": 7,
            "rate": 2.0,
            "on": True,
            "maybe": 3,
            "old": 1.5,
            "both": "1",
            "odd": "2",
            "last": "a",
        }
        self.assertEqual(found, expected)
        self.assertEqual([type(found[key]) for key in expected], [type(expected[key]) for key in expected])

    def test_defaultsTypes(self) -> None:
        """Without annotations the types are those of the defaults."""
        found = self.values("Plain:count=7:rate=1:on=off:title=1:nothing=1")
        self.assertEqual(found, {"count": 7, "rate": 1.0, "on": False, "title": "1", "nothing": "1"})
        self.refused("opts.py:Plain:count=many", "whole number")

    def test_escapes(self) -> None:
        """A backslash makes a colon plain, and itself; equals signs are plain behind the first."""
        self.assertEqual(self.values(r"Typed:title=a\:b\\c=d")["title"], r"a:b\c=d")
        self.assertEqual(self.values("Typed:title=")["title"], "")
        self.assertEqual(self.values("Typed:title=x\\")["title"], "x\\")

    def test_truth(self) -> None:
        """The words for yes and no."""
        for word in ("yes", "True", "ON", "1"):
            self.assertIs(self.values(f"Typed:on={word}")["on"], True)
        for word in ("no", "false", "Off", "0"):
            self.assertIs(self.values(f"Typed:on={word}")["on"], False)

    def test_wrongValues(self) -> None:
        """Values of another type are refused with what would be right."""
        self.refused("opts.py:Typed:count=many", "count='many'", "whole number")
        self.refused("opts.py:Typed:count=1.5", "whole number")
        self.refused("opts.py:Typed:rate=fast", "rate='fast'", "number")
        self.refused("opts.py:Typed:maybe=x", "whole number")
        self.refused("opts.py:Typed:on=perhaps", "on='perhaps'", "yes or no")
        self.refused("opts.py:Refuses:count=6", "Refuses", "count is at most 5")

    def test_unknown(self) -> None:
        """An option that there is not, is not one, or is missing."""
        self.refused("opts.py:Plain:cuont=1", "'cuont'", "count, rate, on, title, nothing")
        self.refused("opts.py:Nothing:a=1", "'a'", "it has none")
        self.refused("opts.py:Plain:count=1:title", "'title'", "OPTION=VALUE")
        self.refused("chat:title", "'title' is not an option of chat", "OPTION=VALUE")
        self.refused("opts.py:Needs", "needs the option key", ":key=VALUE")
        self.assertEqual(self.values("Needs:key=x"), {"key": "x"})
        self.refused("opts.py:Positional", "TypeError")

    def test_anyOption(self) -> None:
        """A class that takes any option is given any, as text."""
        self.assertEqual(self.values("Any_:known=2:other=3"), {"known": 2, "other": "3"})

    def test_unresolvedAnnotations(self) -> None:
        """Annotations that cannot be read count as none."""
        self.assertEqual(self.values("Unresolved:a=3:b=4"), {"a": 3, "b": 4})


class ChoiceTests(SynchronousTestCase):
    """Which application a handshake asks for."""

    def setUp(self) -> None:
        class Old(App):
            subprotocols = ("chat", "v1.old", "v1.new")

        class New(App):
            subprotocols = ("v1.new",)

        self.served = {}
        for name, app in (("old", Old()), ("new", New()), ("chat", App())):
            app.name = name
            self.served[name] = Served(app, Audience(app, MemoryBroker(Clock(), float), 0), Limits())
        self.choice = Choice(self.served)

    def chosen(self, path: str, *subprotocols: str) -> tuple[str, str | None]:
        """The application's name, and the subprotocol that is agreed to."""
        served, subprotocol = self.choice(path, subprotocols)
        return served.app.name, subprotocol

    def test_bySubprotocol(self) -> None:
        """The first subprotocol offered that is an application's name, or one that it speaks."""
        self.assertEqual(self.chosen("/", "new"), ("new", "new"))
        self.assertEqual(self.chosen("/old", "x", "new", "old"), ("new", "new"))
        self.assertEqual(self.chosen("/nowhere", "v1.old"), ("old", "v1.old"))

    def test_namesFirst(self) -> None:
        """A name is its application's, whatever others speak beside theirs; else the first counts."""
        self.assertEqual(self.chosen("/", "chat"), ("chat", "chat"))
        self.assertEqual(self.chosen("/", "v1.new"), ("old", "v1.new"))

    def test_byPath(self) -> None:
        """Else by the path's first segment; then none of the subprotocols is agreed to."""
        self.assertEqual(self.chosen("/new"), ("new", None))
        self.assertEqual(self.chosen("/new/deeper", "unknown"), ("new", None))
        self.assertEqual(self.chosen("//chat"), ("chat", None))

    def test_default(self) -> None:
        """Else the first where the path is ``/``."""
        self.assertEqual(self.chosen("/"), ("old", None))
        self.assertEqual(self.chosen("/", "unknown"), ("old", None))

    def test_none(self) -> None:
        """Else none: a 404 that lists nothing."""
        for path in ("/nowhere", "/newer", "/NEW", "/x/new"):
            error = self.assertRaises(NoSuchApp, self.choice, path, ())
            self.assertEqual(error.status, 404)
            self.assertNotIn("new", str(error))
        self.assertRaises(NoSuchApp, Choice({}), "/", ())
