"""What holds for the files of every page that comes with wsapp; how they behave is for tests/live."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import wsapp.apps
from wsapp.web.pages import StaticFolder

PAGES = Path(wsapp.apps.__file__).parent / "pages"


class _Elements(HTMLParser):
    """The start tags of a page, and whether anything stands within a script or style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inline: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] in ("script", "style") and data.strip():
            self.inline.append(data)


class PageFileTests(SynchronousTestCase):
    """Each page keeps to its policy and can be used by everybody."""

    folders = sorted(path for path in PAGES.iterdir() if path.is_dir())

    def elements(self, folder: Path) -> _Elements:
        return _Elements((folder / "index.html").read_text(encoding="utf-8"))

    def test_thereArePages(self) -> None:
        """The pages that issue 2 asks for are installed, and can be served."""
        self.assertEqual([folder.name for folder in self.folders], ["chat", "echo"])
        for folder in self.folders:
            StaticFolder(folder)

    def test_nothingFromOutside(self) -> None:
        """No file names an address anywhere else."""
        for folder in self.folders:
            for path in folder.iterdir():
                text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
                self.assertEqual(re.findall(r"(?:https?|wss?)://|[\"'(]//\w", text), [], path)

    def test_nothingInline(self) -> None:
        """Scripts and styles are files: the policy forbids them in the page."""
        for folder in self.folders:
            page = self.elements(folder)
            self.assertEqual(page.inline, [])
            for tag, attributes in page.tags:
                forbidden = [name for name in attributes if name == "style" or name.startswith("on")]
                self.assertEqual(forbidden, [], tag)

    def test_references(self) -> None:
        """What a page or script refers to is there, by a relative name."""
        for folder in self.folders:
            names = [
                attributes[key] or ""
                for tag, attributes in self.elements(folder).tags
                for key in ("src", "href")
                if key in attributes
            ]
            for script in folder.glob("*.js"):
                names += re.findall(
                    r'^import .* from "([^"]*)";', script.read_text(encoding="utf-8"), re.MULTILINE
                )
            for name in names:
                there = (folder / name).is_file() or (folder.name, name) == ("chat", "./wsapp.js")
                self.assertTrue(name.startswith("#") or there, f"{folder.name}: {name}")
                self.assertFalse(name.startswith("/"), name)

    def test_ids(self) -> None:
        """Each id stands once; those that scripts and labels name are there."""
        for folder in self.folders:
            tags = self.elements(folder).tags
            ids = [str(attributes["id"]) for _, attributes in tags if "id" in attributes]
            self.assertEqual(sorted(ids), sorted(set(ids)))
            for script in folder.glob("*.js"):
                for name in re.findall(r'[bB]yId\("([^"]*)"\)', script.read_text(encoding="utf-8")):
                    self.assertIn(name, ids, script)
            for _, attributes in tags:
                for key in ("for", "aria-controls", "aria-labelledby", "aria-describedby"):
                    if key in attributes:
                        self.assertIn(attributes[key], ids)

    def test_labels(self) -> None:
        """What one writes into has a label; the pages say their language and scale."""
        for folder in self.folders:
            tags = self.elements(folder).tags
            labelled = {attributes.get("for") for tag, attributes in tags if tag == "label"}
            for tag, attributes in tags:
                if tag == "textarea" or (tag == "input" and attributes.get("type") != "checkbox"):
                    self.assertIn(attributes["id"], labelled)
            self.assertIn(("html", {"lang": "en"}), tags)
            self.assertTrue(any(attributes.get("name") == "viewport" for _, attributes in tags))

    def test_onlyText(self) -> None:
        """Nothing that comes over the wire can become HTML or code: no script can make any."""
        for script in PAGES.glob("*/*.js"):
            text = script.read_text(encoding="utf-8")
            found = re.findall(
                r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text
            )
            self.assertEqual(found, [], script)
