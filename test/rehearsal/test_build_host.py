"""A build runs on a host like CodeBuild's, and the emulated CodeBuild refuses and delays as AWS does."""

from __future__ import annotations

import io
import json
import os
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.exceptions
import pytest

from . import engine
from .aws.build_host import SharedHost
from .aws.namespace import CGROUPS, PREFIX
from .emulated_aws import ACCOUNT, EmulatedAws
from .environment import BUSYBOX_BASE, Environment
from .patience import wait_for
from .test_containment import descendants, processes

BUCKET, REPOSITORY, REGISTRY = "host-sources", "host/images", BUSYBOX_BASE.partition("/")[0]
ASSETS = f"cdk-hnb659fds-assets-{ACCOUNT}-us-east-1"
LOGIN = f"aws ecr get-login-password --region=us-east-1 | docker login -u AWS --password-stdin {REGISTRY}"
FETCH = f"aws s3 cp s3://{BUCKET}/source.zip /tmp/fetched.zip --only-show-errors"
POLICY = [
    {"Effect": "Allow", "Action": ["ecr:*", "logs:*"], "Resource": "*"},
    {"Effect": "Allow", "Action": "s3:*", "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]},
]
RESTART = """\
import json, os, signal, subprocess, sys, time
from pathlib import Path
pid = int(Path("/var/run/docker.pid").read_text())
argv = Path(f"/proc/{pid}/cmdline").read_text().split("\\0")[:-1]
environ = dict(v.split("=", 1) for v in Path(f"/proc/{pid}/environ").read_text().split("\\0") if v)
began = time.time()
os.kill(pid, signal.SIGTERM)
while Path(f"/proc/{pid}").exists():
    time.sleep(0.05)
stopped = time.time()
config = json.loads(Path("/etc/docker/daemon.json").read_text())
Path("/tmp/daemon.json").write_text(json.dumps({**config, "features": {"containerd-snapshotter": True}}))
new = [a for a in argv if not a.startswith("--storage-driver")] + ["--config-file=/tmp/daemon.json"]
def start(argv):
    daemon = subprocess.Popen(argv, env=environ, start_new_session=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while daemon.poll() is None:
        info = subprocess.run(["docker", "info"], capture_output=True, text=True)
        if info.returncode == 0:
            return "io.containerd.snapshotter.v1" in info.stdout
        time.sleep(0.05)
if start(new):
    print(f"restarted: stop {stopped - began:.1f} s, start {time.time() - stopped:.1f} s")
else:
    print(f"not restarted, the old engine: containerd store {start(argv)}")
"""
DOCKERFILE = "ARG BASE\nFROM ${BASE}\nRUN test $(uname -m) = aarch64\n"


@dataclass(frozen=True)
class Project:
    """A project of the emulated account whose source and commands the tests choose."""

    aws: EmulatedAws
    name: str

    def start(self, *commands: str, files: Mapping[str, str] | None = None, **overrides: Any) -> str:
        """Start a build of these commands and return its id."""
        spec = json.dumps({"version": "0.2", "phases": {"build": {"commands": commands}}})
        contents = {"image_builder/build/buildspec.yml": spec, **(files or {})}
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as target:
            for path, content in contents.items():
                target.writestr(path, content)
        key = f"{time.time()}.zip"
        self.aws.client("s3").put_object(Bucket=BUCKET, Key=key, Body=archive.getvalue())
        source = {"sourceTypeOverride": "S3", "sourceLocationOverride": f"{BUCKET}/{key}"}
        answer = self.aws.client("codebuild").start_build(projectName=self.name, **{**source, **overrides})
        return str(answer["build"]["id"])

    def build(self, identifier: str) -> dict[str, Any]:
        """The record of a build."""
        answer = self.aws.client("codebuild").batch_get_builds(ids=[identifier])
        found: dict[str, Any] = answer["builds"][0]
        return found

    def ended(self, identifier: str) -> dict[str, Any]:
        """The record of a build once it has ended."""
        wait_for(lambda: self.build(identifier)["buildComplete"], lambda: self.lines(identifier))
        return self.build(identifier)

    def lines(self, identifier: str) -> list[str]:
        """What the commands of a build printed."""
        lines = [e["line"] for e in self.aws.journal("log") if e["id"] == identifier]
        return [line for line in lines if not line.startswith("[Container]")]

    def run(self, *commands: str, files: Mapping[str, str] | None = None) -> list[str]:
        """Run a build that succeeds, and return what it printed."""
        identifier = self.start(*commands, files=files)
        record = self.ended(identifier)
        assert record["buildStatus"] == "SUCCEEDED", (record["phases"], self.lines(identifier))
        return self.lines(identifier)


@pytest.fixture(scope="module")
def project(environment: Environment) -> Iterator[Project]:
    """A project that finds its buildspec in its source, with a role, a bucket and a repository."""
    aws, name = environment.aws, "host-under-test"
    iam, codebuild, s3 = (aws.client(each) for each in ("iam", "codebuild", "s3"))
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": "codebuild.amazonaws.com"},
    }
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps({"Statement": POLICY}))
    aws.client("ecr").create_repository(repositoryName=REPOSITORY)
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="source.zip", Body=b"content")
    codebuild.create_project(
        name=name,
        source={"type": "S3", "location": f"{BUCKET}/none", "buildspec": "image_builder/build/buildspec.yml"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={"type": "ARM_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"},
        serviceRole=role["Role"]["Arn"],
    )
    yield Project(aws, name)
    codebuild.delete_project(name=name)
    aws.client("ecr").delete_repository(repositoryName=REPOSITORY, force=True)
    for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]:
        s3.delete_object(Bucket=BUCKET, Key=item["Key"])
    s3.delete_bucket(Bucket=BUCKET)
    iam.delete_role_policy(RoleName=name, PolicyName="all")
    iam.delete_role(RoleName=name)


@pytest.fixture
def host(environment: Environment, project: Project) -> Project:
    """The project, where every build has its own host."""
    if not environment.engine.private:
        pytest.skip("builds run on the Docker engine of this machine")
    return project


def traces(hosts: set[str]) -> dict[str, object]:
    """What these hosts could leave on this machine."""
    mounts = Path("/proc/mounts").read_text().splitlines()
    return {
        "mounts": [line for line in mounts if any(host in line for host in hosts)],
        "bridge": Path("/sys/class/net/docker0").exists(),
        "cgroups": [str(path) for host in hosts for path in CGROUPS.glob(f"*/{host}")],
        "files": [path for path in ("/codebuild", "/etc/docker", "/var/lib/docker") if Path(path).exists()],
    }


def daemons() -> list[str]:
    """The Docker engines that this process has started, directly or not."""
    lines = processes()
    found = [lines.get(pid, "") for pid in descendants(os.getpid())]
    return sorted(line for line in found if "dockerd" in line or "containerd" in line)


def test_engine_is_empty_and_started_as_the_curated_image_starts_it(host: Project) -> None:
    lines = host.run(
        "echo images=$(docker images --quiet --all | wc -l) containers=$(docker ps --all --quiet | wc -l)",
        "docker info --format '{{.Driver}} {{json .DriverStatus}}'",
        "tr '\\0' ' ' < /proc/$(cat /var/run/docker.pid)/cmdline; echo",
    )
    assert lines[0] == "images=0 containers=0"
    assert lines[1].startswith("overlay2 ")
    assert "io.containerd" not in lines[1]
    assert lines[2].split() == [
        "/usr/local/bin/dockerd",
        "--host=unix:///var/run/docker.sock",
        "--host=tcp://127.0.0.1:2375",
        "--storage-driver=overlay2",
    ]


def test_commands_see_codebuilds_environment_and_nothing_of_this_machine(
    host: Project, tmp_path: Path
) -> None:
    """The temporary folder shows only the rehearsal's programs, if the checkout is there."""
    (tmp_path / "of-this-machine").touch()
    lines = host.run(
        'echo "docker_host=${DOCKER_HOST-unset} home=$HOME user=$(id -u) $PWD $CODEBUILD_SRC_DIR"',
        f'echo "tmp=$(ls -A {tmp_path} 2>/dev/null) root=$(ls -d ~/.docker ~/.aws 2>/dev/null)"',
        "env | grep -c -e REHEARSAL -e MINISTACK -e VIRTUAL_ENV -e LD_LIBRARY || true",
    )
    first, second, third = lines
    assert first.startswith("docker_host=unset home=/root user=0 /codebuild/output/src")
    assert first.split()[-1] == first.split()[-2]
    assert second == "tmp= root="
    assert third == "0"


def test_engine_restarts_with_the_containerd_store_and_exports_a_layer_cache(host: Project) -> None:
    tag = f"{REGISTRY}/{REPOSITORY}"
    lines = host.run(
        "python3 restart.py",
        LOGIN,
        f"docker buildx build --progress=plain --provenance=false --build-arg=BASE={BUSYBOX_BASE}"
        f" --tag={tag}:1 --platform=linux/arm64 --output=type=docker"
        f" --cache-to=type=registry,ref={tag}:cache-1,mode=max,image-manifest=true,oci-mediatypes=true .",
        f"docker push {tag}:1",
        files={"restart.py": RESTART, "Dockerfile": DOCKERFILE},
    )
    assert lines[0].startswith("restarted"), lines
    images = host.aws.client("ecr").list_images(repositoryName=REPOSITORY)["imageIds"]
    assert {"1", "cache-1"} <= {image.get("imageTag") for image in images}


def test_engine_without_the_containerd_store_exports_no_layer_cache(host: Project) -> None:
    cache = f"--cache-to=type=registry,ref={REGISTRY}/{REPOSITORY}:cache-2,mode=max"
    files = {"Dockerfile": "FROM scratch\nCOPY . /\n"}
    lines = host.run(LOGIN, f"docker buildx build {cache} . || echo refused", files=files)
    assert lines[-1] == "refused"
    assert any("Cache export is not supported for the docker driver" in line for line in lines)


def test_engine_restart_fails_when_planned(host: Project) -> None:
    host.aws.plan_fault("EngineRestart", project=host.name)
    lines = host.run(
        "python3 restart.py", "docker info --format '{{.Driver}}'", files={"restart.py": RESTART}
    )
    assert lines == ["not restarted, the old engine: containerd store False", "overlay2"]


def test_python3_obeys_a_python_version_file_and_has_the_standard_library_only(project: Project) -> None:
    lines = project.run(
        "python3 -c 'import boto3' 2>&1 | tail -1",
        "python3 -m image_builder.hello",
        "echo 2.7.1 > .python-version; mkdir -p sub; (cd sub; python3 -V; echo $?) 2>&1",
        "python3 -c 'import sys; print(sys.version.split()[0])' || (cd / && python3 -V | cut -d. -f1)",
        files={"image_builder/hello.py": "print('hello')\n"},
    )
    assert lines[0] == "ModuleNotFoundError: No module named 'boto3'"
    assert lines[1] == "hello"
    assert lines[2].startswith("pyenv: version `2.7.1' is not installed (set by /")
    assert lines[2].endswith("/src/.python-version)")
    assert lines[3] == "1"
    assert lines[-1] == "Python 3"


def test_two_hosts_at_once_do_not_see_each_other(host: Project) -> None:
    image = "docker build --quiet --tag=$CODEBUILD_BUILD_ID . > /dev/null"
    names = "docker images --format '{{.Repository}}:{{.Tag}}'"
    both = f"until aws s3 cp s3://{BUCKET}/both /tmp/both; do sleep 0.2; done > /dev/null 2>&1"
    command = f"{image}; echo built; {both}; {names}; ps -e | grep -c dockerd"
    files = {"Dockerfile": "FROM scratch\nCOPY Dockerfile /\n"}
    builds = [host.start(command, files=files) for _ in range(2)]

    def lines() -> list[list[str]]:
        return [host.lines(build) for build in builds]

    wait_for(lambda: lines() == [["built"], ["built"]], lines)
    host.aws.client("s3").put_object(Bucket=BUCKET, Key="both", Body=b"built")
    assert {host.ended(build)["buildStatus"] for build in builds} == {"SUCCEEDED"}
    assert lines() == [["built", build, "1"] for build in builds]


def test_a_host_leaves_nothing_on_this_machine(host: Project, environment: Environment) -> None:
    before, running = traces(set()), daemons()
    folder = environment.aws.folder / "tmp"
    files = {"Dockerfile": "FROM scratch\nCOPY . /"}
    build = "docker build . > /tmp/log 2>&1"
    finished = host.start(f"touch /etc/mine /codebuild/mine; {build}", "sleep 100 & disown", files=files)
    stopped = host.start("setsid sleep 300 & sleep 300")
    hosts: set[str] = set()

    def both_started() -> bool:
        hosts.update(path.name for path in folder.glob(f"{PREFIX}*"))
        return host.build(stopped)["currentPhase"] == "BUILD" and len(hosts) == 2

    wait_for(both_started, lambda: hosts)
    assert host.ended(finished)["buildStatus"] == "SUCCEEDED"
    host.aws.client("codebuild").stop_build(id=stopped)
    assert host.ended(stopped)["buildStatus"] == "STOPPED"
    assert traces(hosts) == before
    assert daemons() == running
    assert not Path("/etc/mine").exists()
    assert not list(folder.glob("rehearsal-*"))


def test_s3_cp_downloads_and_reports_errors_as_the_cli_does(project: Project) -> None:
    lines = project.run(
        f"{FETCH} && cat /tmp/fetched.zip && echo",
        f"aws s3 cp s3://{BUCKET}/nothing /tmp/x 2>&1 || echo $?",
        f"aws s3 cp s3://{ASSETS}/key /tmp/x 2>&1 || echo $?",
    )
    assert lines[0] == "content"
    head = "fatal error: An error occurred ({}) when calling the HeadObject operation: {}"
    assert lines[1:3] == [head.format(404, 'Key "nothing" does not exist'), "1"]
    assert lines[3:] == [head.format(403, "Forbidden"), "1"]


@pytest.mark.parametrize(
    ("action", "command"),
    [("s3:GetObject", FETCH), ("ecr:GetAuthorizationToken", f"set -o pipefail; {LOGIN}")],
)
def test_a_new_permission_propagates_late_when_planned(project: Project, action: str, command: str) -> None:
    project.aws.plan_fault("AccessDenied", times=2, action=action)
    attempt = f"({command}) > /dev/null 2>&1 && echo yes || echo no"
    assert project.run(attempt, attempt, attempt) == ["no", "no", "yes"]


def test_push_of_some_references_is_refused_when_planned(project: Project) -> None:
    refusal = {"status": 403, "code": "DENIED", "message": "not writable"}
    project.aws.plan_fault("Push", times=9, repository=REPOSITORY, reference="cache-", **refusal)
    tag = f"{REGISTRY}/{REPOSITORY}"
    lines = project.run(
        LOGIN,
        f"docker build --quiet --tag={tag}:2 --tag={tag}:cache-3 .",
        f"docker push --quiet {tag}:2 && echo pushed",
        f"docker push --quiet {tag}:cache-3 2>&1 || echo refused",
        files={"Dockerfile": "FROM scratch\nCOPY Dockerfile /\n"},
    )
    assert "pushed" in lines
    assert lines[-1] == "refused"


def test_an_image_has_the_planned_size(project: Project) -> None:
    project.aws.plan_fault("ImageSize", project=project.name, bytes=3_000_000_000)
    lines = project.run(
        "docker build --quiet --tag=large . > /dev/null",
        "docker image inspect --format={{.Size}} large; docker rmi large",
        files={"Dockerfile": "FROM scratch\nCOPY Dockerfile /\n"},
    )
    assert lines[0] == "3000000000"


def test_builds_over_the_limit_wait_in_the_queue(project: Project) -> None:
    codebuild = project.aws.client("codebuild")
    project.aws.limit_builds(1)
    running = project.start("sleep 300")
    waiting = [project.start("true") for _ in range(5)]
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        project.start("true")
    assert refused.value.response["Error"] == {
        "Code": "AccountLimitExceededException",
        "Message": "Cannot have more than 5 builds in queue for the account",
    }
    record = project.build(waiting[0])
    assert (record["buildStatus"], record["currentPhase"]) == ("IN_PROGRESS", "QUEUED")
    stopped = [*waiting[1:], running]
    for identifier in stopped:
        codebuild.stop_build(id=identifier)
    assert {project.ended(identifier)["buildStatus"] for identifier in stopped} == {"STOPPED"}
    assert project.ended(waiting[0])["buildStatus"] == "SUCCEEDED"


def test_a_build_times_out_in_the_queue(project: Project) -> None:
    project.aws.limit_builds(0)
    with pytest.raises(botocore.exceptions.ClientError, match="more than 0 builds in queue"):
        project.start("true")
    project.aws.limit_builds(1)
    running = project.start("sleep 300")
    project.aws.plan_fault("QueuedTimeout", project=project.name, seconds=1)
    record = project.ended(project.start("true"))
    assert record["buildStatus"] == "TIMED_OUT"
    assert [phase["phaseType"] for phase in record["phases"]][-2:] == ["QUEUED", "COMPLETED"]
    project.aws.client("codebuild").stop_build(id=running)
    assert project.ended(running)["buildStatus"] == "STOPPED"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"buildspecOverride": "version: 0.2\n" + "#" * 25_600}, "Max buildspec length is 25600"),
        (
            {"environmentVariablesOverride": [{"name": "A", "value": "a" * 4_097}]},
            "EnvironmentVariable should be at most 4096 characters",
        ),
    ],
)
def test_start_build_refuses(project: Project, overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(botocore.exceptions.ClientError, match="InvalidInputException") as refused:
        project.start("true", **overrides)
    assert refused.value.response["Error"]["Message"] == message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "n" * 151}, "at most 150 characters"),
        (
            {"environment": {"dockerServer": {"computeType": "BUILD_GENERAL1_SMALL"}}},
            "Unsupported DockerServer environment type: ARM_CONTAINER",
        ),
        ({"vpcConfig": {"securityGroupIds": []}}, "securityGroupIds must have 1 to 5 members"),
        ({"vpcConfig": {"subnets": ["subnet-1"] * 17}}, "subnets must have 1 to 16 members"),
    ],
)
def test_create_project_refuses(project: Project, change: dict[str, Any], message: str) -> None:
    environment = {"type": "ARM_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"}
    environment |= change.pop("environment", {})
    settings = {
        "name": "refused",
        "source": {"type": "NO_SOURCE", "buildspec": "version: 0.2\n"},
        "artifacts": {"type": "NO_ARTIFACTS"},
        "environment": environment,
        "serviceRole": f"arn:aws:iam::{ACCOUNT}:role/{project.name}",
        **change,
    }
    with pytest.raises(botocore.exceptions.ClientError, match=message):
        project.aws.client("codebuild").create_project(**settings)


def test_a_missing_buildspec_fails_the_download(project: Project) -> None:
    record = project.ended(project.start("true", buildspecOverride="nowhere/buildspec.yml"))
    (context,) = record["phases"][-2]["contexts"]
    assert (record["buildStatus"], record["phases"][-2]["phaseType"]) == ("FAILED", "DOWNLOAD_SOURCE")
    assert context["statusCode"] == "YAML_FILE_ERROR"
    assert context["message"].endswith("/src/nowhere/buildspec.yml: no such file or directory")


def test_an_unreadable_source_fails_the_download(project: Project) -> None:
    record = project.ended(project.start("true", sourceLocationOverride=f"{ASSETS}/key.zip"))
    assert (record["buildStatus"], record["phases"][-2]["phaseType"]) == ("FAILED", "DOWNLOAD_SOURCE")


def test_docker_host_is_always_set_for_this_machines_own_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\n[ $1 = info ] && echo 28.5.2\nexit 0\n")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    found = engine._existing()
    assert found
    assert found.environment["DOCKER_HOST"] == "unix:///var/run/docker.sock"


def test_a_build_on_this_machines_own_engine_has_docker_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REHEARSAL_LAUNCHERS", "/launchers")
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/user/1000/docker.sock")
    host = SharedHost(print)
    try:
        assert host.environment["DOCKER_HOST"] == "unix:///run/user/1000/docker.sock"
    finally:
        host.close()
    monkeypatch.delenv("DOCKER_HOST")
    with pytest.raises(KeyError, match="DOCKER_HOST"):
        SharedHost(print)
