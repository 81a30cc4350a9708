"""Regenerates every generated file and fails when one of them changes."""

import json
import subprocess
import sys
from pathlib import Path

from tools import pictures
from tools.generate_api import REFERENCES, generate

ROOT = Path(__file__).parent.parent


def generated_files() -> list[Path]:
    listed = json.loads((ROOT / ".projen/files.json").read_text())["files"]
    return [ROOT / name for name in [*listed, "package.json", "package-lock.json"]]


def contents() -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in generated_files() if path.exists()}


def stale_project_files() -> list[str]:
    before = contents()
    subprocess.run([sys.executable, ".projenrc.py"], cwd=ROOT, check=True)
    after = contents()
    return sorted(
        str(path.relative_to(ROOT)) for path in before | after if before.get(path) != after.get(path)
    )


def stale_api() -> list[str]:
    fresh = ROOT / "build/api"
    fresh.mkdir(parents=True, exist_ok=True)
    generate(fresh)
    return [
        name
        for name in REFERENCES
        if not (ROOT / name).exists() or (ROOT / name).read_bytes() != (fresh / name).read_bytes()
    ]


def stale_pictures() -> list[str]:
    return [str(path.relative_to(ROOT)) for path in pictures.stale()]


def main() -> int:
    stale = stale_project_files() + stale_api() + stale_pictures()
    if stale:
        print(
            f"stale generated files: {', '.join(stale)}. Run `make synth` and commit the result",
            file=sys.stderr,
        )
        return 1
    print("generated files are up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
