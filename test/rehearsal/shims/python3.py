"""python3 as pyenv's shim runs it: a `.python-version` decides, and only the standard library is available.

https://github.com/pyenv/pyenv#understanding-python-version-selection
"""

import os
import sys
from pathlib import Path


def main() -> None:
    """Run the interpreter that is the first argument, or fail as pyenv does."""
    python, *arguments = sys.argv[1:]
    installed = ".".join(map(str, sys.version_info[:3]))
    for folder in (Path.cwd(), *Path.cwd().parents):
        file = folder / ".python-version"
        if file.is_file():
            check(file, installed)
            break
    os.execv(python, [python, "-S", *arguments])


def check(file: Path, installed: str) -> None:
    """Exit if the file names a version that is not installed."""
    words = (line.split()[0] for line in file.read_text().splitlines() if line.split())
    for version in (word for word in words if not word.startswith("#")):
        if version != "system" and not f"{installed}.".startswith(f"{version.removeprefix('python-')}."):
            sys.exit(f"pyenv: version `{version}' is not installed (set by {file})")


main()
