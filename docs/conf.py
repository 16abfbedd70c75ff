"""How Sphinx builds these pages: ``sphinx-build -W docs docs/_build/html``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

# The code beside these pages is the code that they are about.
sys.path.insert(0, str(Path(__file__).parent.parent))

import wsapp

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "wsapp"
author = "the wsapp authors"
copyright = "the wsapp authors"
version = release = wsapp.__version__

extensions = ["sphinx.ext.autodoc"]
exclude_patterns = ["_build", "snippets"]
language = "en"
# A name that is not documented is an error of the build (-W).
nitpicky = True

html_theme = "furo"
html_title = f"wsapp {release}"
html_copy_source = False
# Nothing is fetched from elsewhere: the pages read well from a folder.
html_static_path = ["static"]
html_css_files = ["wsapp.css"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True

# These are documented elsewhere, or are nobody's business; there is no inventory of theirs at hand.
nitpick_ignore_regex = [
    ("py:.*", pattern)
    for pattern in (
        r"incremental\..*|twisted\..*|zope\..*|OpenSSL\..*",
        r"(collections|contextlib|pathlib|typing|os|enum)\..*|<InterfaceClass twisted\..*",
        r"(Any|Awaitable|Callable|Collection|Iterable|Mapping|Sequence|PathLike|NamedTuple|Protocol)",
        r"wsapp\.(client\.(Link|Rooms)|outgoing\.inbox\.Inbox|memory\.MemoryTransport|testclient\._Server)|wsapp\.wire\.headers\.Headers",
        r"wsapp\.(factory\.WsappFactory|relay\.channel\.Siblings|rehearsal\.Held|wire\.versions\.Version)|started",
        r"(Deferred|Failure|Headers|IProtocolFactory|IListeningPort|IReactorTime|IResource|Resource|Site|X509)",
    )
]

#: Objects that applications are given, and never make.
GIVEN = {"wsapp.Client", "wsapp.Group", "wsapp.User", "wsapp.Request", "wsapp.testing.TestClient"}


def withoutSignature(app: Sphinx, what: str, name: str, *rest: Any) -> tuple[str, str] | None:
    """Leave out how such an object is made."""
    return ("", "") if what == "class" and name in GIVEN else None


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-signature", withoutSignature)
