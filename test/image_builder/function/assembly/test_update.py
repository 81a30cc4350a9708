"""An update is assembled from the previous image where that is certain to be right, and else built."""

import json
import random
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from image_builder.function.assembly import limits
from image_builder.function.assembly.update import attempt

from test.image_builder.fakes import OLD_TAG, TAG, FakeClock, event
from test.image_builder.function.assembly.account import (
    BASE_LAYER,
    BUILT_AT,
    CODE_LAYER,
    CONFIGURATION,
    COPY_ALL,
    DOCKERFILE,
    FOLDER,
    MANIFEST,
    NEW_FILES,
    OLD_FILES,
    PLAN,
    Account,
    Entry,
    archive,
    update,
)
from test.image_builder.simulated_aws import client_error

X86_64 = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00\x3e\x00"
ARM64 = X86_64[:18] + b"\xb7\x00"


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    made = Account()
    monkeypatch.setattr("image_builder.function.assembly.repository.urlopen", made.ecr.download)
    return made


def run(account: Account, request: dict[str, Any] | None = None, clock: FakeClock | None = None) -> None:
    attempt(request or update(), account.clients, clock or FakeClock())


def declines(account: Account, capsys: pytest.CaptureFixture[str], reason: str, **options: Any) -> None:
    """Nothing is put under the tag, and the log says why."""
    run(account, **options)
    assert TAG not in account.ecr.tags
    assert f"is built, not assembled: {reason}" in capsys.readouterr().out


def test_a_change_of_code_becomes_the_new_last_layer(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    previous = account.prepare()
    run(account)
    files = account.files()
    assert files["app/agent.py"] == Entry(b"new")
    assert files["app/tools/x.py"] == Entry(b"x")
    assert files["bin/sh"] == Entry(b"\x7fELF", 0o755)
    said = capsys.readouterr().out
    assert f"was assembled in 0.0 s: 1 of its 2 layers are new, the others are those of {previous}" in said


def test_a_file_that_is_gone_is_gone(account: Account) -> None:
    account.prepare(new={"Dockerfile": DOCKERFILE, "agent.py": b"new"})
    run(account)
    assert {name for name in account.files() if name.startswith("app")} == {
        "app",
        "app/Dockerfile",
        "app/agent.py",
    }


def test_only_history_and_layers_of_the_configuration_change(account: Account) -> None:
    previous = account.prepare()
    run(account)
    old, new = account.config(OLD_TAG), account.config()
    assert {key for key in old if old[key] != new[key]} == {"history", "rootfs"}
    changed = [entry for entry in new["history"] if entry not in old["history"]]
    assert changed == [{"created_by": "COPY . /app/ # buildkit", "comment": f"assembled from {previous}"}]


def test_the_same_change_gives_the_same_image(account: Account) -> None:
    account.prepare()
    run(account)
    digest = account.ecr.tags.pop(TAG)
    run(account)
    assert account.ecr.tags[TAG] == digest


def test_two_changes_in_a_row_are_assembled_one_from_the_other(account: Account) -> None:
    account.prepare()
    run(account)
    third = dict(NEW_FILES) | {"agent.py": b"third"}
    account.s3.objects["bucket/third.zip"] = archive(third)
    old = {"ImageTag": TAG, "Source": "cdk-hnb659fds-assets-123456789012-eu-west-1/1111.zip"}
    run(account, update(old, ImageTag="2" * 64, Source="bucket/third.zip"))
    assert account.files("2" * 64)["app/agent.py"] == Entry(b"third")
    assert account.files("2" * 64)["app/tools/x.py"] == Entry(b"x")


def test_files_that_no_copy_takes_leave_the_image_as_it_is(account: Account) -> None:
    plan = PLAN | {"ignore": ["*.md"]}
    old, new = dict(OLD_FILES) | {"README.md": b"a"}, dict(OLD_FILES) | {"README.md": b"b"}
    previous = account.prepare(old, new, plan)
    run(account)
    assert account.ecr.tags[TAG] == previous


def test_the_next_build_finds_the_layer_cache_and_the_next_assembly_the_plan(account: Account) -> None:
    account.prepare()
    cache = account.ecr.add_image([b"cache"], {}, f"cache-{OLD_TAG}")
    run(account)
    assert account.ecr.tags[f"cache-{TAG}"] == cache
    assert f"plan-{account.ecr.tags[TAG][7:]}" in account.ecr.tags


def test_a_plan_or_cache_that_cannot_be_passed_on_takes_no_image_back(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    account.prepare()
    account.ecr.add_image([b"cache"], {}, f"cache-{OLD_TAG}")
    put_image = account.ecr.put_image

    def refuse_all_but_the_image(**asked: Any) -> Any:
        if asked["imageTag"] != TAG:
            raise client_error("AccessDeniedException", "no")
        return put_image(**asked)

    account.ecr.put_image = refuse_all_but_the_image  # type: ignore[method-assign]
    run(account)
    said = capsys.readouterr().out
    assert TAG in account.ecr.tags
    assert "the new image goes without plan-" in said
    assert f"the new image goes without cache-{TAG}" in said
    assert "was assembled in" in said


def test_owners_by_name_are_those_of_the_previous_image(account: Account) -> None:
    code = {name: Entry(entry.content, entry.mode, (1000, 1001)) for name, entry in CODE_LAYER.items()}
    code["app"] = FOLDER
    plan = PLAN | {"layers": [{"isLinked": False, "actions": [COPY_ALL | {"owner": "app"}]}]}
    account.prepare(plan=plan, layers=[BASE_LAYER, code])
    run(account)
    assert account.files()["app/tools/x.py"] == Entry(b"x", 0o644, (1000, 1001))


def test_a_program_for_arm64_is_copied(account: Account) -> None:
    account.prepare(new=dict(OLD_FILES) | {"tool": ARM64})
    run(account)
    assert account.files()["app/tool"].content == ARM64


def test_large_layers_are_uploaded_in_parts(account: Account) -> None:
    content = random.Random(0).randbytes(23 * 1024**2)
    account.prepare(new=dict(OLD_FILES) | {"large": content})
    run(account)
    assert account.files()["app/large"].content == content
    assert account.ecr.calls.count("upload_layer_part") == 4


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"BaseImageMaxAge": "0"}, "'baseImageMaxAge' is zero"),
        ({"RecipeHash": "f" * 64}, "build arguments, links, 'extraHash' or other options have changed"),
        (
            {"RepositoryUri": "else.example/arm64-agent-image-5e7a2b10-agent-image"},
            "its repository has changed",
        ),
        ({"Parameters": "bucket/other.json"}, "the parameters of the build have changed"),
    ],
)
def test_more_than_a_change_of_files_is_built(
    properties: dict[str, Any], reason: str, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    account.prepare()
    declines(account, capsys, reason, request=update(**properties))
    assert not account.ecr.calls


@pytest.mark.parametrize("name", ["create", "update", "update_same_content"])
def test_a_request_without_a_previous_version_of_use_is_built(
    name: str, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    account.prepare()
    declines(account, capsys, "", request=event(name))
    assert not account.ecr.calls


def test_an_invalid_request_is_left_to_the_next_state(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    run(account, event("update", RegistryId="me"))
    assert "nothing is assembled: 'RegistryId' must be" in capsys.readouterr().out


def test_a_base_image_that_was_looked_up_too_long_ago_is_built(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    account.prepare()
    clock = FakeClock()
    clock.time = BUILT_AT + 86401
    declines(account, capsys, "the base image was looked up 86401 s ago", clock=clock)


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        (OLD_FILES | {"Dockerfile": b"FROM other\n"}, "Dockerfile has changed"),
        (OLD_FILES | {".dockerignore": b"*.md"}, ".dockerignore has changed"),
        (OLD_FILES | {"Dockerfile.dockerignore": b""}, "Dockerfile.dockerignore has changed"),
        (
            OLD_FILES | {"requirements.txt": b"boto3"},
            "an earlier step of the Dockerfile reads 'requirements.txt'",
        ),
        (OLD_FILES | {"tool": X86_64}, "tool is a program for x86-64, not for arm64"),
        (OLD_FILES | {"n\u00e4me": b""}, "the new name 'app/n\u00e4me' has unusual characters"),
        (OLD_FILES | {"a\nb": b""}, "the new name 'app/a\\nb' has unusual characters"),
        (OLD_FILES | {"../outside": b""}, "the context holds the unusual path '../outside'"),
        (OLD_FILES | {"agent.py/below": b""}, "the context holds 'agent.py' as a file and as a directory"),
    ],
)
def test_a_change_that_is_not_certain_is_built(
    new: dict[str, bytes], reason: str, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    account.prepare(new=new)
    declines(account, capsys, reason)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"app/agent.py": Entry(b"other")}, "the plan does not reproduce /app/agent.py"),
        ({"app/agent.py": Entry(b"old", 0o600)}, "the plan does not reproduce /app/agent.py"),
        ({"app/agent.py": Entry(b"old", owner=(1, 0))}, "the plan does not reproduce /app/agent.py"),
        ({"app/agent.py": Entry(b"", target="x")}, "the plan does not reproduce /app/agent.py"),
        ({"app/more": Entry(b"")}, "the plan does not reproduce /app/more"),
        ({"app/.wh.sh": Entry(b"")}, "a trailing layer of the previous image removes files"),
        (
            {"app/agent.py": Entry(b"old", attributes={"SCHILY.xattr.user.x": "y"})},
            "the plan does not reproduce /app/agent.py",
        ),
    ],
)
def test_a_plan_that_fails_its_proof_is_not_used(
    change: dict[str, Entry], reason: str, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    account.prepare(layers=[BASE_LAYER, CODE_LAYER | change])
    declines(account, capsys, reason)
    assert "initiate_layer_upload" not in account.ecr.calls


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        (None, "no plan is kept with the previous image"),
        (PLAN | {"version": 2}, "the plan of the previous image is of version 2"),
        (PLAN | {"layers": []}, "the plan of the previous image does not match its layers"),
        (
            PLAN | {"ignore": ["[[:alpha:]]"]},
            "the ignore pattern '[[:alpha:]]' has an unusual character class",
        ),
        (b"{", "the plan of the previous image is malformed"),
        ({"version": 1}, "the plan of the previous image is malformed"),
        (
            PLAN | {"layers": [{"isLinked": False, "actions": [{"path": "/app", "owner": [0, 0]}]}]},
            "the plan of the previous image does not match 'COPY . /app/ # buildkit'",
        ),
    ],
)
def test_an_image_without_a_plan_that_is_understood_is_built(
    plan: object, reason: str, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    account.prepare(plan=plan)
    declines(account, capsys, reason)


@pytest.mark.parametrize(
    ("config", "manifest", "reason"),
    [
        ({"moby.buildkit.cache.v0": "x"}, {}, "the configuration of the previous image has the unknown key"),
        ({"history": []}, {}, "the history of the previous image does not match its layers"),
        ({}, {"annotations": {}}, "the manifest of the previous image has the unknown key 'annotations'"),
        (
            {},
            {"mediaType": "application/vnd.oci.image.index.v1+json"},
            "the manifest of the previous image is a",
        ),
        ({"rootfs": {"diff_ids": []}}, {}, "the previous image cannot be read"),
    ],
)
def test_an_image_with_something_unknown_is_built(
    config: dict[str, object],
    manifest: dict[str, Any],
    reason: str,
    account: Account,
    capsys: pytest.CaptureFixture[str],
) -> None:
    account.prepare(config={**CONFIGURATION, **config}, **manifest)
    declines(account, capsys, reason)


def test_a_damaged_layer_is_never_built_upon(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    account.prepare()
    manifest = json.loads(account.ecr.manifests[account.ecr.tags[OLD_TAG]][0])
    first, second = (entry["digest"] for entry in manifest["layers"])
    account.ecr.blobs[first] = account.ecr.blobs[second]
    declines(account, capsys, f"the layer {first} of the previous image arrived damaged")


def test_a_source_that_is_gone_is_built(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    account.prepare()
    del account.s3.objects["cdk-hnb659fds-assets-123456789012-eu-west-1/0000.zip"]
    declines(account, capsys, "NoSuchKey")


def test_a_previous_image_that_is_gone_is_built(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    account.prepare()
    del account.ecr.tags[OLD_TAG]
    declines(account, capsys, "the previous image is no longer in the repository")


@pytest.mark.parametrize(
    "operation",
    [
        *("batch_get_image", "get_download_url_for_layer", "initiate_layer_upload", "upload_layer_part"),
        *("complete_layer_upload", "put_image"),
    ],
)
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (client_error("AccessDeniedException", "no"), "AccessDeniedException: no"),
        (ReadTimeoutError(endpoint_url="https://aws"), "ReadTimeoutError"),
        (RuntimeError("defect"), "unexpected RuntimeError"),
        (MemoryError(), "unexpected MemoryError"),
    ],
)
def test_whatever_fails_is_built(
    operation: str, error: Exception, reason: str, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    account.prepare()
    account.ecr.failing[operation] = error
    declines(account, capsys, reason)


def test_what_takes_too_long_is_built(
    account: Account, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    account.prepare()
    clock = FakeClock()

    def slow(url: str, timeout: float) -> Any:
        clock.time += 30
        return account.ecr.download(url, timeout)

    monkeypatch.setattr("image_builder.function.assembly.repository.urlopen", slow)
    declines(account, capsys, f"it takes more than {limits.SECONDS} s", clock=clock)


@pytest.mark.parametrize(
    ("limit", "module", "reason"),
    [
        ("CONTEXT_ENTRIES", "context", "the files of the context exceed the limit of 1"),
        ("CONTEXT_BYTES", "context", "the bytes of the context exceed the limit of 1"),
        ("LAYERS_BYTES", "layer_reader", "the bytes of the layers exceed the limit of 1"),
        ("TREE_ENTRIES", "layer_reader", "the files of the previous image exceed the limit of 1"),
        ("ARCHIVE_BYTES", "source", "the bytes of cdk-"),
        ("PLAN_BYTES", "update", "the bytes of sha256:"),
        ("IMAGE_BYTES", "update", "the compressed bytes of the image exceed the limit of 1"),
    ],
)
def test_what_is_too_large_is_built(
    limit: str,
    module: str,
    reason: str,
    account: Account,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account.prepare()
    monkeypatch.setattr(f"image_builder.function.assembly.{module}.{limit}", 1)
    declines(account, capsys, reason)


def test_an_image_that_another_request_has_put_there_stays(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    previous = account.prepare()
    account.ecr.tags[TAG] = previous
    run(account)
    assert account.ecr.tags[TAG] == previous
    assert "it is already there" in capsys.readouterr().out


def test_an_image_that_is_pushed_meanwhile_stays(account: Account) -> None:
    previous = account.prepare()
    complete = account.ecr.complete_layer_upload

    def complete_and_push(**asked: Any) -> Any:
        account.ecr.tags[TAG] = previous
        return complete(**asked)

    account.ecr.complete_layer_upload = complete_and_push  # type: ignore[method-assign]
    run(account)
    assert account.ecr.tags[TAG] == previous


def test_the_media_types_are_those_of_the_previous_image(account: Account) -> None:
    account.prepare()
    run(account)
    assert account.ecr.manifests[account.ecr.tags[TAG]][1] == MANIFEST
