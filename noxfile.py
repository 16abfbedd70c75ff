"""The sections of .ci/run, one session each: ``nox -l`` lists them, ``nox -s lowest`` runs one.

What a section does stands in .ci/run alone; that makes its own virtual environments.
"""

import re
from pathlib import Path

import nox

RUN = Path(__file__).parent / ".ci" / "run"

#: Those that run where none is named.
SECTIONS = re.findall(r"^    set -- (.+)$", RUN.read_text(encoding="utf-8"), re.M)[0].split()

nox.options.default_venv_backend = "none"
nox.options.stop_on_first_error = False


def _session(section: str) -> None:
    @nox.session(name=section)
    def run(session: nox.Session) -> None:
        session.run("bash", str(RUN), section, *session.posargs, external=True)

    del run  # nox has registered it


for _section in SECTIONS:
    _session(_section)
