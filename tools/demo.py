"""`make demo`: the example, from the installed wheel to its deployment in the emulated account."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tools.creation_order import creation_order
from tools.hosts import environment

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples/python-app"
OUTPUT = ROOT / "build/demo"
RUNTIME = "AWS::BedrockAgentCore::Runtime"
IMAGE = "Custom::Arm64AgentImage"
HOSTS = {
    "an ARM laptop": environment("arm64"),
    "an x86 laptop": environment("x64"),
    "Amplify Console": environment("x64", AWS_BRANCH="main", AWS_APP_ID="d1example"),
}


def say(text: str) -> None:
    print(f"\n\033[1m-- {text}\033[0m", flush=True)


def install_wheel() -> Path:
    python = EXAMPLE / ".venv/bin/python"
    (wheel,) = ROOT.glob("dist/python/*.whl")
    installed = EXAMPLE / ".venv/installed"
    built = f"{wheel.name} {wheel.stat().st_mtime_ns}"
    if installed.exists() and installed.read_text() == built:
        return python
    subprocess.run([sys.executable, "-m", "venv", "--clear", EXAMPLE / ".venv"], check=True)
    pip: list[str | Path] = [python, "-m", "pip", "install", "-qq"]
    pip += ["--constraint", ROOT / "requirements-dev.txt"]
    subprocess.run([*pip, "--requirement", EXAMPLE / "requirements.txt", wheel], check=True)
    installed.write_text(built)
    return python


def synthesize(python: Path, host: str, variables: dict[str, str]) -> Path:
    output = OUTPUT / host.replace(" ", "-").lower()
    shutil.rmtree(output, ignore_errors=True)
    subprocess.run([python, "app.py"], cwd=EXAMPLE, env={**variables, "CDK_OUTDIR": str(output)}, check=True)
    return output


def describe(output: Path, shown: list[str]) -> list[str]:
    template = json.loads((output / "PythonAppAgent.template.json").read_text())
    assets = json.loads((output / "PythonAppAgent.assets.json").read_text())
    print(f"   chosen: {template['Outputs']['BuildMode']['Value']}")
    for asset in assets["dockerImages"].values():
        print(f"   the deploying machine runs: docker build --platform {asset['source']['platform']}")
    order = creation_order(template)
    if order == shown:
        print(f"   CloudFormation then creates the same {len(order)} resources in the same order")
    else:
        print("   CloudFormation then creates, in this order:")
        for number, name in enumerate(order, 1):
            print(f"   {number:3} {marked(template['Resources'][name])} {name}")
    check_order(template, order)
    return order


def marked(resource: dict[str, Any]) -> str:
    kind = f"{resource['Type']:32}"
    return f"\033[1m{kind}\033[0m" if resource["Type"] in (RUNTIME, IMAGE) else kind


def check_order(template: dict[str, Any], order: list[str]) -> None:
    kinds = [template["Resources"][name]["Type"] for name in order]
    if IMAGE in kinds:
        assert kinds.index(IMAGE) < kinds.index(RUNTIME), "the Runtime would be created before its image"
        print("   the Runtime comes after its image")
    else:
        print("   its image is pushed before CloudFormation begins")


def rehearse() -> int:
    return subprocess.run([sys.executable, "-m", "test.rehearsal"], cwd=ROOT).returncode


def main() -> int:
    say("installing the wheel in the example's own environment")
    python = install_wheel()
    shown: list[str] = []
    for host, variables in HOSTS.items():
        say(f"synthesizing as on {host}")
        shown = describe(synthesize(python, host, variables), shown)
    say("deploying it on this machine")
    return rehearse()


if __name__ == "__main__":
    sys.exit(main())
