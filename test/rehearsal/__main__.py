"""`python -m test.rehearsal`: deploy an app on this machine, in both modes, and invoke its agent."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from . import agent_container, engine, queries
from .environment import PROJECT, PYTHON_BASE, Environment, rehearsal
from .processes import RehearsalError
from .progress import say
from .timeline import Timeline

EXAMPLE = PROJECT / "examples/python-app"
QUESTION = b'{"prompt": "hello from the rehearsal"}'
MODES = {
    "codebuild": "as from an x86 laptop, CI or Amplify Console: built by CodeBuild during the deployment",
    "local": "the same stack as from an ARM laptop: built on this machine, the Runtime updated in place",
}


def main() -> int:
    """Deploy, inspect and invoke; the exit status says whether everything worked."""
    arguments = parse()
    sentence = engine.missing()
    if sentence:
        print(f"not rehearsed: {sentence}")
        return 0
    try:
        with rehearsal() as environment:
            for mode in arguments.mode or MODES:
                deploy(environment, arguments.app, arguments.python, mode)
    except RehearsalError as error:
        print(f"the rehearsal failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; everything has been stopped", file=sys.stderr)
        return 130
    return 0


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m test.rehearsal", description=__doc__)
    own = EXAMPLE / ".venv/bin/python"
    parser.add_argument(
        "--app", type=Path, default=EXAMPLE, help="folder of the CDK app (default: %(default)s)"
    )
    parser.add_argument(
        "--python", default=str(own if own.exists() else sys.executable), help="runs its app.py"
    )
    parser.add_argument(
        "--mode", action="append", choices=list(MODES), help="only this mode; may be repeated"
    )
    return parser.parse_args()


def deploy(environment: Environment, app: Path, python: str, mode: str) -> None:
    """Deploy in one mode with the timeline on the terminal, then invoke what was deployed."""
    say(f"\n  cdk deploy, {MODES[mode]}")
    bindings = [str(PROJECT / "build/bindings/python/src"), os.environ.get("PYTHONPATH", "")]
    with Timeline(environment.aws).shown():
        outcome = environment.cdk.run(
            "deploy",
            "--all",
            "--require-approval=never",
            f"--app={python} app.py",
            f"--output={environment.folder / mode}",
            f"--context=arm64-agent-image:build={mode}",
            f"--context=base-image={PYTHON_BASE}",
            cwd=app,
            more={} if python != sys.executable else {"PYTHONPATH": os.pathsep.join(bindings)},
        )
    if not outcome.succeeded:
        raise RehearsalError(f"cdk deploy ended with {outcome.exit_status}:\n{outcome.output[-4000:]}")
    say(f"  cdk deploy took {outcome.seconds:.1f} s")
    for name, runtime in queries.runtimes(environment.aws).items():
        uri = runtime["uri"]
        print(f"\n  runtime       {name}, version {runtime['version']}")
        print(f"  image         {uri}")
        print(f"  architecture  {queries.platform(environment.aws, uri)}, read back from the registry")
        talk(environment, uri)


def talk(environment: Environment, uri: str) -> None:
    """Invoke the agent, or say why that is not possible here."""
    try:
        with agent_container.running(environment.engine, environment.aws, uri) as address:
            print(f"  asked         POST /invocations {QUESTION.decode()}")
            print(f"  answered      {agent_container.invoke(address, QUESTION).strip()}", flush=True)
    except RehearsalError as error:
        print(f"  not asked: this engine does not run the arm64 container ({error})")


if __name__ == "__main__":
    sys.exit(main())
