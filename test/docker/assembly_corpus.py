"""Dockerfiles as people write them, and changes of the files that they copy."""

from __future__ import annotations

import random
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

BASE = "busybox:arm64"
ACCOUNTS = (
    'RUN echo "app:x:1234:1235::/home/app:/bin/sh" >> /etc/passwd && echo "app:x:1235:" >> /etc/group\n'
)
FILES = {
    "Dockerfile": "",
    "agent.py": "print('agent')\n",
    "requirements.txt": "bedrock-agentcore\n",
    "pyproject.toml": "[project]\n",
    "uv.lock": "version = 1\n",
    "README.md": "An agent\n",
    "run.sh": "#!/bin/sh\n",
    "src/main.py": "import tool\n",
    "src/tools/search.py": "def search(): ...\n",
    "src/tools/__init__.py": "",
    "config/agent.yaml": "name: agent\n",
    "config/prod/agent.yaml": "name: prod\n",
}
EXECUTABLE = ("run.sh",)
EMPTY = ("data/empty",)
LINKS = {"src/link.py": "main.py", "current": "config/prod"}


@dataclass(frozen=True)
class Form:
    """A Dockerfile, and whether a change of the agent's code is to be assembled."""

    dockerfile: str
    is_assembled: bool = True
    files: Mapping[str, str] = field(default_factory=dict)


FORMS: Mapping[str, Form] = {
    "starter toolkit": Form(
        f"FROM {BASE}\nWORKDIR /app\nENV UV_SYSTEM_PYTHON=1\nCOPY requirements.txt requirements.txt\n"
        "RUN mkdir -p /usr/lib/site && cp requirements.txt /usr/lib/site/\nENV AWS_REGION=eu-west-1\n"
        f"{ACCOUNTS}USER app\nEXPOSE 8080\nCOPY . .\n"
        'CMD ["python", "-m", "agent"]\n'
    ),
    "one file": Form(
        f"FROM {BASE}\nWORKDIR /app\nCOPY requirements.txt .\nRUN touch /installed\nCOPY agent.py .\n"
        'EXPOSE 8080\nCMD ["python", "agent.py"]\n'
    ),
    "uv": Form(
        f"FROM {BASE} AS uv\nFROM {BASE}\nCOPY --from=uv /bin/busybox /bin/uv\nWORKDIR /app\n"
        "COPY pyproject.toml uv.lock ./\nRUN cp uv.lock /installed\nCOPY agent.py ./\nCOPY src/ ./src/\n"
    ),
    "stages": Form(
        f"FROM {BASE} AS builder\nWORKDIR /build\n"
        "RUN --mount=type=bind,source=uv.lock,target=uv.lock --mount=type=cache,target=/cache cp uv.lock x\n"
        f"FROM {BASE}\n{ACCOUNTS}COPY --from=builder /build /app\nWORKDIR /app\nCOPY agent.py .\n"
        "COPY src src\nUSER app\n"
    ),
    "owner by name": Form(
        f"FROM {BASE}\n{ACCOUNTS}RUN mkdir -p /app && chown app:app /app\nWORKDIR /app\n"
        "COPY --chown=app:app . .\nUSER app\n"
    ),
    "owner by name without group": Form(f"FROM {BASE}\n{ACCOUNTS}USER app\nCOPY --chown=app . /app/\n"),
    "owner by number": Form(
        f"FROM {BASE}\nCOPY --chown=1000:0 . /srv/agent/\nCOPY --chown=7 src /srv/more\n"
    ),
    "mode": Form(f"FROM {BASE}\nCOPY --chmod=755 . /new/app/\nCOPY --chmod=644 agent.py /new/file.py\n"),
    "link": Form(f"FROM {BASE}\nRUN mkdir -m 700 -p /opt/app\nCOPY --link . /opt/app/\n"),
    "link to several places": Form(
        f"FROM {BASE}\n{ACCOUNTS}USER app\nWORKDIR /app\nCOPY --link --chown=5:6 src ./src\n"
        "COPY --link agent.py .\nWORKDIR /app/src/tools\nCOPY config ./\n"
    ),
    "working directory last": Form(f"FROM {BASE}\nCOPY . /app\nWORKDIR /app/src\nWORKDIR /new/place\n"),
    "working directory of a user": Form(
        f"FROM {BASE}\n{ACCOUNTS}USER app\nWORKDIR /home/app/agent\nCOPY --chown=app . .\n"
    ),
    "several sources": Form(f"FROM {BASE}\nCOPY agent.py src config/ README.md /app/\n"),
    "wildcards": Form(f"FROM {BASE}\nCOPY *.py /app/\nCOPY src/*/*.py config/*.yaml c*g /app/lib/\n"),
    "exclude": Form(
        f"FROM {BASE}\nCOPY --exclude=**/*.yaml --exclude=src/link.py --exclude=README.md . /app/\n"
    ),
    "onbuild": Form("FROM onbuild:arm64\nEXPOSE 8080\n"),
    "ignore file": Form(
        f"FROM {BASE}\nCOPY . /app\n",
        files={".dockerignore": "**/*.py[cod]\n*.md\nconfig\n!config/prod\nsrc/tools/*\n!src/tools/s*.py\n"},
    ),
    "ignore file with exceptions": Form(
        f"FROM {BASE}\nCOPY . /app\n", files={".dockerignore": "*\n!src/**\n!agent.py\n**/__init__.py\n"}
    ),
    "root": Form(f"FROM {BASE}\nCOPY . /\n"),
    "another name": Form(f"FROM {BASE}\nCOPY agent.py /app/main.py\nCOPY src/tools /app/helpers\n"),
    "collisions": Form(
        f"FROM {BASE}\nRUN mkdir -p /app/src/tools /app/gone && chmod 1777 /app && chmod 700 /app/src &&"
        " echo old > /app/agent.py && chmod 600 /app/agent.py && ln -s nowhere /app/run.sh\n"
        "RUN rm -r /app/gone && chown 3:4 /app/src/tools && echo x > /app/src/tools/other\nCOPY . /app\n"
    ),
    "the same file twice": Form(
        f"FROM {BASE}\nWORKDIR /app\nCOPY README.md pyproject.toml ./\nRUN cp README.md /copy\n"
        "COPY src/main.py src/\nCOPY . .\nCOPY README.md config ./\n"
    ),
    "overlapping": Form(f"FROM {BASE}\nCOPY src /app\nCOPY config /app/tools\nCOPY agent.py /app/main.py\n"),
    "nothing below": Form("FROM scratch\nCOPY . /app\n"),
    "empty directory": Form(f"FROM {BASE}\nCOPY data /app/data\nCOPY src /app/src\n"),
    "arguments": Form(f"FROM {BASE}\nARG FOLDER=src\nARG PLACE=/app\nCOPY $FOLDER ${{PLACE}}/\n"),
    "names with spaces": Form(
        f'FROM {BASE}\nCOPY ["a file", "b", "/app dir/"]\nCOPY src /app\n', files={"a file": "x", "b": "y"}
    ),
    "user by number": Form(f"FROM {BASE}\nUSER 1000:2000\nWORKDIR /a/b\nCOPY . .\n"),
    "dot at the end": Form(f"FROM {BASE}\nCOPY src/. /app/.\nCOPY ./agent.py ./\n"),
    "through a link of the image": Form(f"FROM {BASE}\nRUN ln -s opt /linked\nCOPY . /linked/\n", False),
    "a source that is a link": Form(f"FROM {BASE}\nCOPY current /app/\n", False),
    "add": Form(f"FROM {BASE}\nADD . /app/\n", False),
    "heredoc": Form(f"FROM {BASE}\nCOPY . /app/\nCOPY <<EOF /app/more\nx\nEOF\n", False),
    "run after": Form(f"FROM {BASE}\nCOPY . /app/\nRUN touch /done\n", False),
    "copied stage after": Form(
        f"FROM {BASE} AS tools\nRUN touch /tool\nFROM {BASE}\nCOPY . /app/\nCOPY --from=tools /tool /app/\n",
        False,
    ),
    "code in an earlier stage": Form(
        f"FROM {BASE} AS test\nCOPY . /test\nFROM {BASE}\nCOPY --from=test /test/run.sh /\nCOPY . /app/\n",
        False,
    ),
    "bind mount of everything": Form(
        f"FROM {BASE}\nRUN --mount=type=bind,target=/all cp /all/agent.py /\nCOPY . /app/\n", False
    ),
    "symbolic mode": Form(f"FROM {BASE}\nCOPY --chmod=u+x . /app/\n", False),
    "accounts": Form(
        f"FROM {BASE}\nCOPY accounts/ /etc/\nCOPY --chown=root . /app/\n",
        False,
        files={"accounts/passwd": "root:x:0:0::/:/bin/sh\n", "accounts/group": "root:x:0:\n"},
    ),
}
ONBUILD = f"FROM {BASE}\nONBUILD WORKDIR /app\nONBUILD COPY . .\n"


def write(folder: Path, form: Form) -> Path:
    """A context for the Dockerfile."""
    for name, content in {**FILES, **form.files, "Dockerfile": form.dockerfile}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(0o755 if name in EXECUTABLE else 0o644)
    for name in EMPTY:
        (folder / name).mkdir(parents=True)
    for name, target in LINKS.items():
        (folder / name).symlink_to(target)
    return folder


def change_code(old: Path, new: Path) -> Path:
    """The change that a developer makes: one module edited, one new, one gone."""
    shutil.copytree(old, new, symlinks=True)
    (new / "agent.py").write_text("print('changed')\n")
    (new / "src/main.py").write_text("import tool, more\n")
    (new / "src/tools/more").mkdir()
    (new / "src/tools/more/deep.py").write_text("def deep(): ...\n")
    (new / "src/tools/search.py").unlink()
    (new / "config/agent.yaml").write_text("name: changed\n")
    return new


def change_anything(old: Path, new: Path, chance: random.Random) -> Path:
    """A few changes of any kind, which leave no directory empty that was not, and change no link."""
    shutil.copytree(old, new, symlinks=True)
    for number in range(chance.randint(1, 4)):
        files = [path for path in sorted(new.rglob("*")) if path.is_file() and not path.is_symlink()]
        files = [path for path in files if "docker" not in path.name.lower()]
        folders = [new, *(path for path in sorted(new.rglob("*")) if path.is_dir() and not path.is_symlink())]
        folders = [path for path in folders if path.name != "empty"]
        path = chance.choice(files)
        kind = chance.choice(
            ["edit", "edit", "add", "add folder", "remove", "mode", "replace", "same size", "move"]
        )
        if kind == "edit":
            path.write_text(f"edited {chance.random()}\n" * chance.randint(1, 30))
        elif kind == "same size":
            path.write_bytes(bytes(reversed(path.read_bytes())))
        elif kind == "mode":
            path.chmod(chance.choice([0o644, 0o755, 0o600, 0o444]))
        elif kind == "add":
            (
                chance.choice(folders) / f"new{number}{chance.choice(['.py', '.pyc', '.md', ' x', ''])}"
            ).write_text("new")
        elif kind == "add folder":
            place = chance.choice(folders) / f"folder{number}" / "below"
            place.mkdir(parents=True, exist_ok=True)
            (place / "file.py").write_text("new")
        elif kind == "replace" and path.name != "main.py":
            path.unlink()
            path.mkdir()
            (path / "inside").write_text("was a file")
        elif kind == "move":
            path.rename(chance.choice(folders) / f"moved{number}")
            _prune(path.parent, new)
        elif path.name != "main.py":
            path.unlink()
            _prune(path.parent, new)
    return new


def _prune(folder: Path, root: Path) -> None:
    while folder != root and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


_DESTINATIONS = [
    "/app",
    "/app/",
    "/app/src",
    "/app/src/",
    "/",
    "/opt/new/deep/",
    "/app/one.py",
    "/srv",
    "/usr/x/.",
]
_SOURCES = [
    *(".", "src", "src/", "agent.py", "config", "config/prod", "*.py", "src/*", "c*", "data", "run.sh"),
    *("src/tools src", "agent.py README.md", "src/tools/*.py config/a*", "requirements.txt"),
]
_OPTIONS = [
    *("", "", "", "--chown=1:2", "--chown=app", "--chown=app:3", "--chmod=700", "--chmod=644 --chown=9"),
    *(
        "--link",
        "--link --chown=4:5",
        "--link --chmod=711",
        "--exclude=*.py",
        "--exclude=**/*.py --exclude=prod",
    ),
]
_BEFORE = [
    "RUN mkdir -p -m 1777 /app/src",
    "RUN mkdir -p /app && chown 5:6 /app",
    "RUN mkdir -p /app && echo x > /app/one.py && ln -s one.py /app/agent.py",
    "RUN mkdir -p -m 700 /srv && ln -s srv /opt/new",
    "COPY requirements.txt src/main.py /app/",
    "COPY src /app/src/",
    "USER app",
    "USER 77",
    "RUN mkdir -p /app/tools && touch /app/tools/keep && echo \"print('agent')\" > /app/agent.py",
    "RUN mkdir -p /app/tools && rm -rf /app/src",
]


def random_form(chance: random.Random) -> Form:
    """A Dockerfile that ends in instructions of which many can be assembled."""
    lines = [f"FROM {BASE}", ACCOUNTS.strip()] if chance.random() < 0.9 else ["FROM scratch"]
    if len(lines) == 2:
        lines += chance.sample(_BEFORE, chance.randint(0, 3))
    for _ in range(chance.randint(1, 4)):
        if chance.random() < 0.25:
            lines.append(f"WORKDIR {chance.choice(['/app', '/app/src', '/srv/a/b', 'relative'])}")
            continue
        option, source = chance.choice(_OPTIONS), chance.choice(_SOURCES)
        destination = chance.choice([*_DESTINATIONS, "./", "lib/"])
        several = " " in source or "*" in source
        lines.append(f"COPY {option} {source} {destination.rstrip('/.') + '/' if several else destination}")
    ignore = chance.choice(
        ["", "", "*.md\n", "src/tools\n!src/tools/s*\n", "**/*.yaml\nREADME*\n", "*\n!src\n!*.py\n"]
    )
    return Form("\n".join([*lines, 'CMD ["x"]', ""]), files={".dockerignore": ignore} if ignore else {})
