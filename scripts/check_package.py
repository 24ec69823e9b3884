"""Does the package build and install clean? Sdist and wheel, an empty environment, a newcomer's commands.

    python scripts/check_package.py            the newest dependencies
    python scripts/check_package.py --lowest   exactly the lower bounds of setup.cfg, and quick tests with them

Takes one to five minutes; needs git and a package index.
"""

from __future__ import annotations

import argparse
import configparser
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
DATA = ("py.typed", "__init__.pyi", "reports/page.html", "reports/page.css", "reports/page.js")
# of the extras, what the tests below or users of results need
EXTRAS = ("pytest", "pytest-xdist", "hypothesis", "xarray", "h5netcdf", "jsonschema", "websocket-client", "distributed")
# quick and broad: every layer from physics to files and figures
TESTS = ("test_physics", "test_exact", "test_kernels", "test_thermo", "test_parity", "test_steady", "test_config")
TESTS += ("test_files", "test_sweep", "test_python_api", "test_animation", "test_report")


def main() -> None:
    """Build, install, try."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lowest", action="store_true", help="install the lower bounds, and run tests with them")
    lowest = parser.parse_args().lowest
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sdist, wheel = build(folder)
        check_sdist(sdist)
        check_wheel(wheel)
        python = environment(folder / "venv", wheel, lowest=lowest)
        try_commands(python, folder)
        if lowest:
            bounds = [*lower_bounds(), *lower_bounds(*EXTRAS)]
            run(python, "-m", "pip", "install", "-q", *bounds)  # all at once, or later ones would lift earlier ones
            check_versions(python, bounds)
            # old releases warn of their own dependencies, which are new
            pytest = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "default")
            tests = [f"tests/{test}.py" for test in TESTS]
            print(run(python, *pytest, "-m", "not slow", *tests, cwd=ROOT).splitlines()[-1])
            print(run(python, *pytest, "tests/test_sweep.py", "-k", "dask", cwd=ROOT).splitlines()[-1])
    print("the package builds, installs and works")


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Output of a command that must succeed."""
    print("$", *(str(part) for part in command), flush=True)
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, cwd=cwd)
    if done.returncode:
        sys.exit(f"{done.stdout}\n{done.stderr}\nfailed with status {done.returncode}")
    return done.stdout


def build(folder: Path) -> tuple[Path, Path]:
    """Sdist from the tree, wheel from the sdist: what an index would get."""
    shutil.rmtree(ROOT / "fpsolver.egg-info", ignore_errors=True)  # lists what an earlier build held, and adds it again
    run(sys.executable, "-m", "build", "--outdir", folder / "dist", ROOT)
    print(*sorted(path.name for path in (folder / "dist").iterdir()))
    return next((folder / "dist").glob("*.tar.gz")), next((folder / "dist").glob("*.whl"))


def check_sdist(sdist: Path) -> None:
    """Every file of the repository is in, tests and documentation too, and no other but those that a build adds."""
    with tarfile.open(sdist) as archive:
        names = {file.name.partition("/")[2] for file in archive if file.isfile()}
    tracked = set(run("git", "ls-files", cwd=ROOT).splitlines()) - {".gitignore"}
    added = {name for name in names if name == "PKG-INFO" or name.startswith("fpsolver.egg-info/")}
    if missing := sorted(tracked - names):
        sys.exit(f"{sdist.name}: missing {missing}; MANIFEST.in says what goes in")
    if foreign := sorted(names - tracked - added):
        sys.exit(f"{sdist.name}: foreign {foreign}")


def check_wheel(wheel: Path) -> None:
    """Data files are in, tests are out, and the version is that of the code."""
    names = zipfile.ZipFile(wheel).namelist()
    missing = [name for name in DATA if f"fpsolver/{name}" not in names]
    foreign = [name for name in names if not name.startswith("fpsolver")]
    version = re.search(r'__version__ = "(.+)"', (ROOT / "fpsolver" / "_version.py").read_text())
    if missing or foreign or version is None or version[1] not in wheel.name:
        sys.exit(f"{wheel.name}: missing {missing}, foreign {foreign}, version {version and version[1]}")


def environment(folder: Path, wheel: Path, *, lowest: bool) -> Path:
    """Python of an empty environment with the wheel."""
    run(sys.executable, "-m", "venv", folder)
    python = folder / "bin" / "python"
    pins = lower_bounds() if lowest else []
    run(python, "-m", "pip", "install", "-q", wheel, *pins)
    run(python, "-m", "pip", "check")
    return python


def lower_bounds(*packages: str) -> list[str]:
    """``name==bound`` for every dependency, or for these packages of the extras."""
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg")
    lines = config["options"]["install_requires"].split()
    if packages:
        extras = " ".join(config["options.extras_require"].values()).split()
        lines = [next(line for line in extras if line.startswith(f"{name}>=")) for name in packages]
    return [line.replace(">=", "==") for line in lines]


def check_versions(python: Path, bounds: list[str]) -> None:
    """What is installed is what was asked for: 2.7 may be 2.7.0."""
    lines = run(python, "-m", "pip", "list", "--format=freeze").lower().replace("_", "-").splitlines()
    found = dict(line.split("==") for line in lines)
    for bound in bounds:
        name, version = bound.split("==")
        if not f"{found[name.replace('_', '-')]}.".startswith(f"{version}."):
            sys.exit(f"{name} is {found[name]} and not {version}")
    print(*bounds)


def try_commands(python: Path, folder: Path) -> None:
    """What a newcomer does first."""

    def fpsolver(*arguments: str) -> str:
        return run(python.parent / "fpsolver", *arguments, cwd=folder)

    fpsolver("--version")
    fpsolver("new", "minimally_invasive", "-o", "run.yaml")
    print(fpsolver("run", "run.yaml", "--set", "time.until=2", "-o", "run.h5"))
    fpsolver("plot", "run.h5")
    fpsolver("report", "run.h5")
    fpsolver("animate", "run.h5", "-o", "run.gif")
    fpsolver("schema", "-o", "schema.json")
    fpsolver("spectrum", "run.yaml", "-k", "4")
    direct = ("--set", "time.method=direct", "--set", "grid.q.cells=48", "--set", "grid.p.cells=48")
    print(fpsolver("sweep", "run.yaml", "--over", "system.bath.eta=0.3,0.6", *direct, "-o", "sweep.h5"))
    for name in ("run-overview.png", "run.html", "run.gif", "sweep.h5"):
        if not (folder / name).stat().st_size:
            sys.exit(f"{name} is empty")


if __name__ == "__main__":
    main()
