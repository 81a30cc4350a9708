"""The Amplify example, installed from the packed npm tarball, synthesized as Amplify's deployer does it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from test.synth import Assembly, Template, read_assembly
from tools.hosts import environment

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SYNTH = Path(__file__).with_name("amplify_synth.mjs")
INSTALLED = ROOT / "build/amplify-app"
APP = INSTALLED / "amplify-app"
LIBRARY = "arm64-agent-image"
BUILT = shutil.ignore_patterns("node_modules", ".amplify", "dist", "amplify_outputs*", "package-lock.json")
NPM_INSTALL = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"]

APP_ID = "d1a2b3c4d5e6f7"


@dataclass(frozen=True)
class Deployment:
    """A host, and the context that Amplify's deployer passes to the app there."""

    name: str
    kind: str
    architecture: str
    namespace: str = APP_ID
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def context(self) -> dict[str, Any]:
        return {
            "amplify-backend-type": self.kind,
            "amplify-backend-namespace": self.namespace,
            "amplify-backend-name": self.name,
            "aws:cdk:enable-asset-metadata": True,
        }


def sandbox(architecture: str, **variables: str) -> Deployment:
    return Deployment("alex", "sandbox", architecture, namespace="amplify-app", variables=variables)


def branch(name: str, architecture: str = "x64") -> Deployment:
    """As Amplify Console deploys a branch: its build host is x86, and has these variables."""
    variables = {"AWS_BRANCH": name, "AWS_APP_ID": APP_ID, "CI": "true"}
    return Deployment(name, "branch", architecture, variables=variables)


@dataclass(frozen=True)
class Backend:
    """A synthesized backend."""

    assembly: Assembly
    printed: str

    @property
    def root(self) -> Template:
        (template,) = [t for name, t in self.assembly.templates.items() if not name.endswith(".nested")]
        return template

    @property
    def agent(self) -> Template:
        return self.assembly.nested("agent")

    @property
    def note(self) -> str:
        """The note that the construct adds."""
        (note,) = [
            entry["data"]
            for path in self.assembly.directory.glob("*.metadata.json")
            for entries in json.loads(path.read_text()).values()
            for entry in entries
            if entry["type"] == "aws:cdk:info" and entry["data"].startswith("image build:")
        ]
        return str(note)


def install() -> None:
    """Install the example, with its dependencies only if these or the library have changed."""
    (tarball,) = ROOT.glob("dist/js/*.tgz")
    digest = hashlib.sha256(tarball.read_bytes()).hexdigest()[:16]
    packed = INSTALLED / f"{LIBRARY}-{digest}.tgz"
    package = json.loads((EXAMPLES / "amplify-app/package.json").read_text())
    del package["devDependencies"]["@aws-amplify/backend-cli"]
    package["dependencies"][LIBRARY] = f"file:{packed.name}"
    wanted = json.dumps(package, indent=2)
    done = INSTALLED / "installed"
    if not (done.exists() and done.read_text() == wanted):
        INSTALLED.mkdir(parents=True, exist_ok=True)
        done.unlink(missing_ok=True)
        for old in INSTALLED.glob(f"{LIBRARY}-*.tgz"):
            old.unlink()
        shutil.copy(tarball, packed)
        (INSTALLED / "package.json").write_text(wanted)
        subprocess.run(NPM_INSTALL, cwd=INSTALLED, check=True)
        done.write_text(wanted)
    for part in (APP.name, "agent"):
        shutil.rmtree(INSTALLED / part, ignore_errors=True)
        shutil.copytree(EXAMPLES / part, INSTALLED / part, ignore=BUILT)
    shutil.copy(SYNTH, INSTALLED)


def synthesize(deployment: Deployment, output: Path, backend: str = "amplify/backend.ts") -> Backend:
    env = environment(
        deployment.architecture,
        CDK_CONTEXT_JSON=json.dumps(deployment.context),
        CDK_OUTDIR=str(output),
        ESBUILD_BINARY_PATH=str(esbuild()),
        **deployment.variables,
    )
    env["PATH"] = os.pathsep.join([env["PATH"], os.environ["PATH"]])
    process = subprocess.run(
        ["node", INSTALLED / SYNTH.name, backend],
        cwd=APP,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stdout
    return Backend(read_assembly(output), process.stdout)


def esbuild() -> Path:
    """This machine's binary, since a simulated host looks for one of its own architecture."""
    (binary,) = INSTALLED.glob("node_modules/@esbuild/*/bin/esbuild")
    return binary


def type_check() -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [INSTALLED / "node_modules/.bin/tsc", "--strict", "--noEmit", "--project", "amplify"],
        cwd=APP,
        env={"PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
