"""What is packaged: every package, all its data, and no tests."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import ast
import fnmatch
import json
import os
import re
import subprocess
import tarfile
import zipfile
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

import wsapp

#: Where `.ci/run packages` has put an sdist and a wheel; without it they are not looked into.
BUILT = os.environ.get("WSAPP_DIST", "")

#: How the files of compiled modules end.
COMPILED = (".so", ".pyd")

HOME = Path(wsapp.__file__).parent
ROOT = Path(__file__).parent.parent


def arguments() -> dict[str, Any]:
    """What setup.py tells setuptools, as far as it stands there literally."""
    path = ROOT / "setup.py"
    if not path.is_file():
        raise SkipTest(f"{path} is not here: these tests were copied without the project")
    calls = [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setup"
    ]
    found = {}
    for keyword in calls[0].keywords:
        try:
            found[str(keyword.arg)] = ast.literal_eval(keyword.value)
        except ValueError:
            continue
    return found


def assigned(name: str) -> Any:
    """A constant of setup.py."""
    for node in ast.parse((ROOT / "setup.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == name:
            return ast.literal_eval(node.value)
    raise AssertionError(f"setup.py has no {name}")


class SetupTests(SynchronousTestCase):
    """What setup.py says."""

    def setUp(self) -> None:
        self.arguments = arguments()
        self.home = ROOT / "wsapp"

    def test_packages(self) -> None:
        """Every package below wsapp/ is listed, twisted.plugins too, tests never."""
        there = {".".join(path.parent.relative_to(ROOT).parts) for path in self.home.rglob("__init__.py")}
        self.assertEqual(set(self.arguments["packages"]), there | {"twisted.plugins"})
        self.assertEqual(len(self.arguments["packages"]), len(there) + 1)
        for path in self.home.rglob("*.py"):
            self.assertTrue((path.parent / "__init__.py").is_file(), f"{path.parent} is no package")

    def test_data(self) -> None:
        """Every file that is not Python's own belongs to some package's data."""
        for path in self.home.rglob("*"):
            if path.is_dir() or "__pycache__" in path.parts or path.suffix in (".py", ".pyc", ".so", ".pyd"):
                continue
            owners = [
                path.relative_to(ROOT / package.replace(".", "/")).as_posix()
                for package, patterns in self.arguments["package_data"].items()
                if (ROOT / package.replace(".", "/")) in path.parents
                and any(
                    fnmatch.fnmatch(path.relative_to(ROOT / package.replace(".", "/")).as_posix(), pattern)
                    for pattern in patterns
                )
            ]
            self.assertTrue(owners, f"{path} is in no package_data")

    def test_version(self) -> None:
        """There is one version."""
        self.assertEqual(self.arguments["version"], wsapp.__version__)
        package = json.loads((self.home / "web" / "js" / "package.json").read_text(encoding="utf-8"))
        self.assertEqual((package["version"], package["name"]), (wsapp.__version__, "wsapp"))
        for name in [package["main"], package["types"], *package["files"]]:
            self.assertTrue((self.home / "web" / "js" / name).is_file(), name)

    def test_noTwistedPackage(self) -> None:
        """twisted/ and twisted/plugins/ are Twisted's own packages: ours have no __init__.py."""
        for folder in (ROOT / "twisted", ROOT / "twisted" / "plugins"):
            self.assertFalse((folder / "__init__.py").exists())


class InstalledTests(SynchronousTestCase):
    """What is there where wsapp is imported from, be it installed or a checkout."""

    def test_typed(self) -> None:
        """Type checkers may read it."""
        self.assertTrue((HOME / "py.typed").is_file())

    def test_pages(self) -> None:
        """The applications' pages are there."""
        for name in ("chat", "echo"):
            self.assertTrue((HOME / "apps" / "pages" / name / "index.html").is_file())

    def test_plugin(self) -> None:
        """The plugin stands beside it, where Twisted looks."""
        self.assertTrue((HOME.parent / "twisted" / "plugins" / "wsapp_plugin.py").is_file())

    def test_noTests(self) -> None:
        """No tests came along."""
        self.assertEqual([str(path) for path in HOME.rglob("test_*.py")], [])


class ImageTests(SynchronousTestCase):
    """The Dockerfile."""

    def setUp(self) -> None:
        path = ROOT / "Dockerfile"
        if not path.is_file():
            raise SkipTest(f"{path} is not here: these tests were copied without the project")
        self.text = path.read_text(encoding="utf-8")

    def test_context(self) -> None:
        """What it copies is there, and .dockerignore lets it through."""
        ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
        self.assertEqual(ignored[0], "**")
        copied = [
            name for line in re.findall(r"^COPY (?!--)(.*)$", self.text, re.M) for name in line.split()[:-1]
        ]
        self.assertIn("wsapp", copied)
        for name in copied:
            self.assertTrue((ROOT / name).exists(), name)
            self.assertTrue({f"!{name}", f"!{name}/**"} & set(ignored), name)

    def test_notRoot(self) -> None:
        """Nothing runs as root, and it says whether it is well."""
        last = self.text.rpartition("\nFROM ")[2]
        self.assertRegex(last, r"(?m)^USER [1-9]\d*$")
        self.assertRegex(last, "(?m)^HEALTHCHECK ")
        self.assertLess(last.index("\nUSER "), last.index("\nENTRYPOINT "))


class ChangeTests(SynchronousTestCase):
    """newsfragments/."""

    def test_names(self) -> None:
        """Each has a name that towncrier reads, of a kind that it knows, and says something."""
        folder = ROOT / "newsfragments"
        if not folder.is_dir():
            raise SkipTest(f"{folder} is not here: these tests were copied without the project")
        settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        kinds = re.findall(r'^directory = "(\w+)"\nname', settings, re.M)
        self.assertIn("feature", kinds)
        for kind in kinds:
            self.assertIn(f"``{kind}``", (folder / "README.rst").read_text(encoding="utf-8"))
        for path in folder.iterdir():
            if path.name != "README.rst":
                self.assertRegex(path.name, rf"^(\d+|\+[\w-]+)\.({'|'.join(kinds)})(\.\d+)?\.rst$")
                if ".misc." not in path.name:
                    self.assertTrue(path.read_text(encoding="utf-8").strip(), path.name)
        self.assertIn(
            ".. towncrier release notes start\n", (ROOT / "CHANGELOG.rst").read_text(encoding="utf-8")
        )


class BuiltCase(SynchronousTestCase):
    """What was built of this source."""

    if not BUILT:
        skip = "WSAPP_DIST names no folder with an sdist and a wheel, as .ci/run packages does"

    def built(self, pattern: str) -> Path:
        """The one file of a kind."""
        (found,) = Path(BUILT).glob(pattern)
        return found


class SdistTests(BuiltCase):
    """The source as it is handed on."""

    def test_contents(self) -> None:
        """It has all that git has, and nothing else."""
        with tarfile.open(self.built("wsapp-*.tar.gz")) as archive:
            names = {member.name.partition("/")[2] for member in archive if member.isfile()}
        run = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
        )
        made = {name for name in names if name.startswith("wsapp.egg-info/")} | {"PKG-INFO", "setup.cfg"}
        self.assertEqual(names - made, set(run.stdout.split("\0")) - {"", ".gitignore"})


class WheelTests(BuiltCase):
    """What is installed."""

    def setUp(self) -> None:
        self.wheel = zipfile.ZipFile(self.built("wsapp-*.whl"))
        self.addCleanup(self.wheel.close)
        self.names = {name for name in self.wheel.namelist() if not name.endswith("/")}

    def test_contents(self) -> None:
        """Every module and its data, the plugin, and nothing of the tests."""
        sources = [*(ROOT / "wsapp").rglob("*"), *(ROOT / "twisted" / "plugins").glob("*.py")]
        expected = {
            path.relative_to(ROOT).as_posix()
            for path in sources
            if path.is_file() and "__pycache__" not in path.parts and path.suffix not in COMPILED
        }
        found = {name for name in self.names if ".dist-info/" not in name and not name.endswith(COMPILED)}
        self.assertEqual(found, expected)

    def test_compiled(self) -> None:
        """Every module that setup.py compiles, and no other."""
        expected = {
            f"{package.replace('.', '/')}/_c/{module}"
            for constant in ("COMPILED", "IN_C")
            for package, modules in assigned(constant).items()
            for module in modules
        }
        found = {name.partition(".")[0] for name in self.names if name.endswith(COMPILED)}
        self.assertEqual(found, expected)

    def test_metadata(self) -> None:
        """Version, oldest Python, what it needs, the command."""
        (folder,) = {name.partition("/")[0] for name in self.names if ".dist-info/" in name}
        said = HeaderParser().parsestr(self.wheel.read(f"{folder}/METADATA").decode())
        self.assertEqual((said["Name"], said["Version"]), ("wsapp", wsapp.__version__))
        self.assertEqual(said["Requires-Python"], ">=3.10")
        needs = said.get_all("Requires-Dist") or []
        self.assertTrue(any(need.lower().startswith("twisted[tls]>=") for need in needs), needs)
        self.assertIn("wsapp = wsapp.commands:main", self.wheel.read(f"{folder}/entry_points.txt").decode())
        self.assertIn("wsapp/py.typed", self.names)
