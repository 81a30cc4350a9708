"""Copies the Python code next to the compiled TypeScript, because jsii compiles TypeScript only."""

import shutil
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src/arm64_agent_image/image_builder"
TARGET = ROOT / "lib/lambda/image_builder"


def main() -> None:
    shutil.rmtree(TARGET.parent, ignore_errors=True)
    shutil.copytree(SOURCE, TARGET, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))


if __name__ == "__main__":
    main()
