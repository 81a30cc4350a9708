"""The state machine deploys an assembled image without a build, and builds whatever ends the assembly."""

from typing import Any
from unittest.mock import patch

import pytest
from image_builder.function.assembly import update

from test.image_builder.deployed_template import DeployedTemplate
from test.image_builder.fakes import PROJECT
from test.image_builder.function.test_request_lifecycle import Step, check, deploy, request
from test.image_builder.simulated_aws import FINE, Account, Fate, hanging, killed

UPDATE = Step("update", tag="b")


def test_an_assembled_image_is_verified_and_deployed_without_a_build(template: DeployedTemplate) -> None:
    account = Account(template)

    def assemble(event: dict[str, Any], _clients: object, _clock: object) -> None:
        account.ecr.push(PROJECT, event["ResourceProperties"]["ImageTag"], "arm64")

    with account.connected(), patch.object(update, "attempt", assemble):
        answer = deploy(account, 1, UPDATE)
        check(account, request(1, UPDATE), UPDATE, answer)
    assert answer.is_success
    assert account.codebuild.builds == {}


@pytest.mark.parametrize(
    "fate",
    [killed(0), hanging(0), Fate("Runtime.ExitError"), Fate("Sandbox.Timedout"), Fate("States.Timeout")],
)
def test_an_assembly_that_ends_in_any_way_is_followed_by_one_build(
    fate: Fate, template: DeployedTemplate
) -> None:
    account = Account(template)
    step = Step("update", tag="b", step_fates=(fate, FINE))
    with account.connected():
        answer = deploy(account, 1, step)
        check(account, request(1, step), step, answer)
    assert answer.is_success
    assert len(account.codebuild.builds) == 1


def test_a_first_image_is_not_assembled(template: DeployedTemplate) -> None:
    account = Account(template)

    def assemble(*_: object) -> None:
        raise AssertionError("there is nothing to assemble from")

    with account.connected(), patch.object(update, "attempt", assemble):
        assert deploy(account, 1, Step("create")).is_success
    assert len(account.codebuild.builds) == 1
