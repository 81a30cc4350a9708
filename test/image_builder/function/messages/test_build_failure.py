"""The message for a build that made no image: what is in it, and that it always fits."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_builder.errors import LIMIT, ImageBuildError
from image_builder.function.cloudformation.request import parse
from image_builder.function.messages import build_failure
from image_builder.function.services import logs
from image_builder.text import json_size, printable

from test.image_builder.fakes import BUILD_ID, PROJECT, Stubs, build, event, failed_phase

WANTED = parse(event("create"))
LINK = (
    f"https://console.aws.amazon.com/codesuite/codebuild/123456789012/projects/{PROJECT}/build/"
    f"{PROJECT}%3A7c9e6679-7425-40de-944b-e07fc1f90ae7/?region=eu-west-1"
)
WHERE = f"log: {LINK} (log group /aws/codebuild/agent, stream 7c9e6679)"
COMMAND_FAILED = "Error while executing command: docker buildx build --build-arg=X=1 .. Reason: exit status 1"
ANY_TEXT = st.text(st.characters(codec=None))


def message(stubs: Stubs, *log: str, status: str = "FAILED", **fields: Any) -> str:
    """What is said of a build with this log."""
    stubs.log(*log)
    fields = {"phases": failed_phase("BUILD", COMMAND_FAILED), **fields}
    return str(build_failure.build_failed(stubs.aws.logs, build(status, **fields), WANTED))


def test_says_what_failed_where_and_why_and_where_the_log_is(stubs: Stubs) -> None:
    assert message(stubs, "#7 [2/3] RUN make", "make: *** No rule to make target 'x'").splitlines() == [
        f"the build of image {WANTED.image_uri} failed (FAILED in phase BUILD):"
        " COMMAND_EXECUTION_ERROR: exit status 1",
        "last lines of the build log:",
        "  #7 [2/3] RUN make",
        "  make: *** No rule to make target 'x'",
        WHERE,
    ]


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("exec /bin/sh: exec format error", "use base images that support linux/arm64"),
        ("/bin/sh, which the image starts, is for x86-64, not for arm64", "the image would not start"),
        (
            "ERROR: failed to solve: python:x: no match for platform in manifest: not found",
            "a base image does not support linux/arm64",
        ),
        (
            "no matching manifest for linux/arm64/v8 in the manifest list entries",
            "a base image does not support linux/arm64",
        ),
        (
            "429 Too Many Requests - Server message: toomanyrequests: You have reached your pull rate limit",
            "public.ecr.aws/docker/library, or give the build 'registry_credentials'",
        ),
        ("ERROR: toomanyrequests: Rate exceeded", "Amazon ECR Public limits the rate"),
        ("toomanyrequests: Data limit exceeded", "Amazon ECR Public limits the rate and the volume"),
        ("write /var/lib/docker/tmp/x: no space left on device", "larger 'compute_type'"),
        (
            "ERROR: failed to solve: failed to read dockerfile: open Dockerfile: no such file or directory",
            "the Dockerfile is not in the build context: check 'file'",
        ),
        ('ERROR: target stage "prod" could not be found', "check 'target'"),
        ("ERROR: failed to solve: pull access denied, repository does not exist", "registry_credentials"),
        (
            "failed to solve: 1.dkr.ecr.eu-west-1.amazonaws.com/base:1: unexpected status: 401 Unauthorized",
            "grant the image pull access",
        ),
        (
            "tag invalid: The image tag 'x' cannot be overwritten because the tag is immutable.",
            "deploy again to use that image",
        ),
        (
            'process "/bin/sh -c pip install torch" did not complete successfully: exit code: 137',
            "ran out of memory: choose a larger 'compute_type'",
        ),
        (
            "The push refers to repository [x]\rdenied: User: arn:aws:sts::1:x is not authorized",
            "registry denies access",
        ),
        (
            'failed commit on ref "manifest": unexpected status from PUT request to https://x: 403 Forbidden',
            "registry denies access",
        ),
        (
            'ERROR: failed to calculate checksum of ref x::y: "/app.py": not found',
            "a file that the Dockerfile copies is not in the build context",
        ),
        ("curl: (6) Could not resolve host: pypi.example", "could not reach a host: check the address"),
        (
            "failed to solve: x/base:9: failed to resolve source metadata for x/base:9: x/base:9: not found",
            "a base image does not exist",
        ),
        (
            "Error response from daemon: Get x: unauthorized: incorrect username or password",
            "rejects the login",
        ),
        ("denied: requested access to the resource is denied", "the registry denies access"),
        ("Cannot connect to the Docker daemon at unix:///var/run/docker.sock.", "runs no Docker"),
        ("ERROR: unknown command: docker buildx", "there is no buildx"),
    ],
)
def test_gives_hints_about_well_known_causes(line: str, advice: str, stubs: Stubs) -> None:
    text = message(stubs, "Step 1", line, "the end")
    assert advice in text
    assert text.splitlines()[1].startswith("hint: ")


@pytest.mark.parametrize(
    "line",
    [
        "PermissionError: [Errno 13] Permission denied: '/data'",
        "curl: (22) The requested URL returned error: 403 Forbidden",
        "HTTP error 429 Too Many Requests while getting https://pypi.example/simple",
        "requests.exceptions.HTTPError: 401 Unauthorized",
    ],
)
def test_does_not_blame_the_registry_for_the_output_of_a_run_step(line: str, stubs: Stubs) -> None:
    assert "hint" not in message(stubs, line)


def test_gives_a_hint_about_missing_routes_when_the_build_runs_in_a_vpc(stubs: Stubs) -> None:
    text = message(stubs, "Temporary failure in name resolution", vpcConfig={"vpcId": "vpc-1"})
    assert "could not reach a host: the VPC subnets need a route to the internet (NAT)" in text


def test_gives_a_hint_about_the_last_of_several_causes(stubs: Stubs) -> None:
    text = message(stubs, "dial tcp: i/o timeout", "retrying", "no space left on device")
    assert "hint: the build machine's disk is full" in text


@pytest.mark.parametrize(
    ("phase", "code", "said", "advice"),
    [
        (
            "DOWNLOAD_SOURCE",
            "CLIENT_ERROR",
            "AccessDenied: Access Denied status code: 403, request id: D1, host id: x= for primary source and"
            " source version arn:aws:s3:::assets/code.zip",
            "cannot read the build program in the assets bucket: check the bucket policy",
        ),
        (
            "DOWNLOAD_SOURCE",
            "CLIENT_ERROR",
            "error: not authorized to perform: s3:GetObject on resource x",
            "IAM was still propagating",
        ),
        (
            "PROVISIONING",
            "CLIENT_ERROR",
            "ACCESS_DENIED: Service role arn:x does not allow AWS CodeBuild to create log streams",
            "deploy again",
        ),
        (
            "DOWNLOAD_SOURCE",
            "Secrets Manager Error Message",
            "AccessDeniedException: not authorized to perform: secretsmanager:GetSecretValue",
            "IAM was still propagating",
        ),
        (
            "DOWNLOAD_SOURCE",
            "Secrets Manager Error Message",
            "ResourceNotFoundException: Secrets Manager can't find the specified secret.",
            "a secret does not exist: check the build's 'build_secrets'",
        ),
        (
            "DOWNLOAD_SOURCE",
            "Decrypted Variables Error Message",
            "parameter does not exist: /agent/token",
            "a secret does not exist: check the build's 'build_secrets'",
        ),
        (
            "DOWNLOAD_SOURCE",
            "Decrypted Variables Error Message",
            "AccessDeniedException: User: x is not authorized to perform: ssm:GetParameters on resource: y",
            "the build's role cannot read a secret",
        ),
        (
            "DOWNLOAD_SOURCE",
            "Decrypted Variables Error Message",
            "ValidationException: the secret is not JSON",
            "CodeBuild cannot read a secret: check that the secrets of 'build_secrets'",
        ),
        (
            "DOWNLOAD_SOURCE",
            "YAML_FILE_ERROR",
            "stat /codebuild/output/src1/src/buildspec.yml: no such file or directory",
            "report it to the authors",
        ),
        ("PROVISIONING", "INTERNAL_SERVICE_ERROR", "Failed to provision", "deploy again"),
        ("PROVISIONING", "CLIENT_ERROR", "no ARM_CONTAINER here", "ImageBuild.local"),
    ],
)
def test_gives_hints_about_causes_outside_of_the_log(
    phase: str, code: str, said: str, advice: str, stubs: Stubs
) -> None:
    text = message(stubs, phases=failed_phase(phase, said, code=code))
    assert f"(FAILED in phase {phase}): {code}: {said[:40]}" in text
    assert advice in text.splitlines()[1]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("Decrypted Variables Error Message", "parameter does not exist: /agent/token"),
        (
            "Decrypted Variables Error Message",
            "AccessDeniedException: not authorized to perform: kms:Decrypt",
        ),
        ("Decrypted Variables Error Message", "anything else"),
        ("YAML_FILE_ERROR", "unknown"),
    ],
)
def test_does_not_advise_to_deploy_again_when_that_would_fail(code: str, said: str, stubs: Stubs) -> None:
    assert "deploy again" not in message(stubs, phases=failed_phase("DOWNLOAD_SOURCE", said, code=code))


def test_leaves_out_the_lines_of_codebuild_and_the_command_that_it_repeats(stubs: Stubs) -> None:
    command = "python3 -m image_builder.build_program build"
    text = message(
        stubs,
        f"[Container] 2026/11/24 00:00:00 Running command {command}",
        "ERROR: the cause",
        "",
        f"[Container] 2026/11/24 00:00:01 Command did not exit successfully {command} exit status 1",
        "[Container] 2026/11/24 00:00:01 Phase complete: BUILD State: FAILED",
    )
    assert f"  ERROR: the cause\n{WHERE}" in text
    assert "python3" not in text
    assert "[Container]" not in text
    assert "hint" not in text


def test_shows_the_lines_of_codebuild_when_there_are_no_others(stubs: Stubs) -> None:
    assert "[Container] Waiting for agent ping" in message(stubs, "[Container] Waiting for agent ping")


def test_removes_colours_and_control_characters(stubs: Stubs) -> None:
    assert "  a red word  and a link\n  50%\n  100%\n" in message(
        stubs, "\x1b[1;31ma red\x1b[0m word\x07 \x1b]8;;http://x\x07and a link\x1b]8;;\x07", "50%\r100%"
    )


def test_keeps_non_ascii_text(stubs: Stubs) -> None:
    assert "Fehler: Größe überschritten ✗ 日本" in message(stubs, "Fehler: Größe überschritten ✗ 日本")


@pytest.mark.parametrize("logs", [{}, {"groupName": "g"}, {"deepLink": "x"}])
def test_names_the_build_without_a_log(logs: dict[str, str], stubs: Stubs) -> None:
    failed = build("FAILED", phases=failed_phase("PROVISIONING", "no capacity"), logs=logs)
    text = str(build_failure.build_failed(stubs.aws.logs, failed, WANTED))
    assert "no capacity" in text
    assert f"log: {LINK}" in text


@pytest.mark.parametrize(
    "logs",
    [
        {},
        {"deepLink": "x"},
        {"groupName": "g"},
    ],
)
def test_names_no_log_stream_that_does_not_exist(logs: dict[str, str], stubs: Stubs) -> None:
    failed = build("FAILED", phases=failed_phase("PROVISIONING", "no capacity"), logs=logs)
    assert "None" not in str(build_failure.build_failed(stubs.aws.logs, failed, WANTED))


def test_reads_older_pages_when_the_newest_page_of_the_log_is_empty(stubs: Stubs) -> None:
    stubs.log(token="b/1")
    stubs.log("make: *** No rule to make target 'x'", before="b/1", token="b/2")
    stubs.log("#7 [2/3] RUN make", before="b/2", token="b/3")
    stubs.log(before="b/3", token="b/3")
    text = str(
        build_failure.build_failed(stubs.aws.logs, build("FAILED", phases=failed_phase("BUILD", "x")), WANTED)
    )
    assert text.splitlines()[-3:-1] == ["  #7 [2/3] RUN make", "  make: *** No rule to make target 'x'"]
    stubs.logs.assert_no_pending_responses()


def test_gives_up_on_a_log_whose_pages_stay_empty(stubs: Stubs) -> None:
    tokens = [None, *(f"b/{page}" for page in range(logs.PAGES))]
    for before, token in itertools.pairwise(tokens):
        stubs.log(before=before, token=token)
    text = str(
        build_failure.build_failed(stubs.aws.logs, build("FAILED", phases=failed_phase("BUILD", "x")), WANTED)
    )
    assert text.endswith(WHERE)
    stubs.logs.assert_no_pending_responses()


@pytest.mark.parametrize(
    "code", ["ResourceNotFoundException", "AccessDeniedException", "ThrottlingException"]
)
def test_names_the_build_when_the_log_cannot_be_read(code: str, stubs: Stubs) -> None:
    stubs.logs.add_client_error("get_log_events", code)
    text = str(
        build_failure.build_failed(stubs.aws.logs, build("FAILED", phases=failed_phase("BUILD", "x")), WANTED)
    )
    assert "failed (FAILED in phase BUILD)" in text
    assert text.endswith(WHERE)


@pytest.mark.parametrize(
    ("phase", "said", "lacking"),
    [
        (
            "PROVISIONING",
            "ACCESS_DENIED: Service role does not allow AWS CodeBuild to create log streams",
            True,
        ),
        ("DOWNLOAD_SOURCE", "CLIENT_ERROR: AccessDenied: Access Denied for primary source S3", True),
        ("DOWNLOAD_SOURCE", "not authorized to perform: secretsmanager:GetSecretValue", True),
        ("SUBMITTED", "CodeBuild is not authorized to perform: sts:AssumeRole on x", True),
        ("DOWNLOAD_SOURCE", "error downloading source: status code: 403", True),
        ("DOWNLOAD_SOURCE", "ResourceNotFoundException: Secrets Manager can't find the secret.", False),
        ("PROVISIONING", "Failed to provision build host 24031", False),
        ("QUEUED", "", False),
        ("INSTALL", "403 Forbidden", False),
        ("BUILD", "AccessDenied", False),
    ],
)
def test_recognizes_builds_that_lacked_a_permission_before_their_first_command(
    phase: str, said: str, lacking: bool
) -> None:
    assert build_failure.lacks_permission(build("FAILED", phases=failed_phase(phase, said))) is lacking


def test_a_build_without_phases_lacks_no_permission() -> None:
    assert not build_failure.lacks_permission(build("FAILED"))


def test_describes_a_build_without_phases(stubs: Stubs) -> None:
    assert "(FAILED in phase unknown)" in message(stubs, phases=[])


@pytest.mark.parametrize(
    ("partition", "region", "host"),
    [
        ("aws", "eu-west-1", "console.aws.amazon.com"),
        ("aws-cn", "cn-north-1", "console.amazonaws.cn"),
        ("aws-us-gov", "us-gov-west-1", "console.amazonaws-us-gov.com"),
    ],
)
def test_links_to_the_console_of_the_partition(partition: str, region: str, host: str) -> None:
    assert build_failure.console_link(f"arn:{partition}:codebuild:{region}:123456789012:build/p:1-2") == (
        f"https://{host}/codesuite/codebuild/123456789012/projects/p/build/p%3A1-2/?region={region}"
    )


def test_names_the_log_stream_where_the_console_is_unknown(stubs: Stubs) -> None:
    text = message(stubs, arn=f"arn:aws-new:codebuild:new-1:123456789012:build/{BUILD_ID}")
    assert text.endswith(f"log: build {BUILD_ID} (log group /aws/codebuild/agent, stream 7c9e6679)")


@pytest.mark.parametrize("arn", ["", "x", "arn:aws:codebuild:eu-west-1:1:project/x"])
def test_makes_no_link_from_another_arn(arn: str) -> None:
    assert build_failure.console_link(arn) is None


HUGE = ["x" * 100_000, "\U0001f9be" * 50_000, '"\\' * 50_000, "\x1b[31m" * 20_000, "line\n" * 20_000]


@pytest.mark.parametrize("huge", HUGE, ids=["long", "non-ascii", "to be escaped", "colours", "many"])
def test_fits_however_long_its_parts_are_and_keeps_cause_hint_and_link(huge: str, stubs: Stubs) -> None:
    text = message(
        stubs,
        huge,
        "no space left on device",
        huge,
        phases=failed_phase("BUILD", f"first words {huge}", code=huge),
    )
    assert json_size(text) <= LIMIT
    assert text.startswith(f"the build of image {WANTED.image_uri} failed (FAILED in phase BUILD)")
    assert "hint: " in text
    assert text.endswith(WHERE)


@given(cause=ANY_TEXT, advice=st.none() | ANY_TEXT, lines=st.lists(ANY_TEXT, max_size=30), where=ANY_TEXT)
def test_every_message_fits_and_is_valid_text(
    cause: str, advice: str | None, lines: list[str], where: str
) -> None:
    text = str(
        ImageBuildError(build_failure.compose(cause, advice, [printable(line) for line in lines], where))
    )
    assert json_size(text) <= LIMIT
    assert json.loads(json.dumps(text).encode("utf-8")) == text
    text.encode("utf-8")
