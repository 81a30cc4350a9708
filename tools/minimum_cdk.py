"""Runs the tests in a copy of the repository with the oldest supported aws-cdk-lib and constructs."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
COPY = ROOT / "build/minimum-cdk"
NEEDS_NEWER_CDK = re.compile(r"^(aws-cdk\.|cdk-nag|cdklabs\.)")
NOT_ABOUT_THE_CDK = tuple(
    f"test/{name}"
    for name in (
        "acceptance",
        "docker",
        "examples",
        "image_builder",
        "packages/test_construct_hub.py",
        "packages/test_contents.py",
        "packages/test_first_app.py",
        "packages/test_linters.py",
        "rehearsal",
        "test_commits.py",
        "test_links.py",
        "test_map.py",
    )
)
NEWER_CDK_TESTS = tuple(f"test/test_{name}.py" for name in ("permissions", "snapshots"))


def minimum_versions() -> dict[str, str]:
    peers = json.loads((ROOT / "package.json").read_text())["peerDependencies"]
    return {name: str(peers[name]).lstrip("^") for name in ("aws-cdk-lib", "constructs")}


def copy_repository() -> None:
    shutil.rmtree(COPY, ignore_errors=True)
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (COPY / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, COPY / name)


def lower_python_requirements(versions: dict[str, str]) -> None:
    path = COPY / "requirements-dev.txt"
    kept = [line for line in path.read_text().splitlines() if not NEEDS_NEWER_CDK.match(line)]
    lowered = [
        re.sub(r"^(aws-cdk-lib|constructs)==.*", lambda m: f"{m[1]}=={versions[m[1]]}", li) for li in kept
    ]
    path.write_text("\n".join(lowered) + "\n")


def lower_npm_packages(versions: dict[str, str]) -> None:
    path = COPY / "package.json"
    package = json.loads(path.read_text())
    package["devDependencies"].update(versions)
    path.write_text(json.dumps(package, indent=2))
    (COPY / "package-lock.json").unlink()
    subprocess.run(["npm", "install", "--no-audit", "--no-fund"], cwd=COPY, check=True)
    (COPY / "build/done").mkdir(parents=True, exist_ok=True)
    (COPY / "build/done/node").touch()


def main() -> int:
    versions = minimum_versions()
    print(f"copying the repository to {COPY.relative_to(ROOT)}, with {versions}", flush=True)
    copy_repository()
    lower_python_requirements(versions)
    lower_npm_packages(versions)
    subprocess.run(["make", "bindings"], cwd=COPY, check=True)
    ignored = [f"--ignore={path}" for path in NOT_ABOUT_THE_CDK + NEWER_CDK_TESTS]
    return subprocess.run([".venv/bin/python", "-m", "pytest", *ignored, *sys.argv[1:]], cwd=COPY).returncode


if __name__ == "__main__":
    sys.exit(main())
