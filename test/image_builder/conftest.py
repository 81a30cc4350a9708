from collections.abc import Iterator

import pytest

from test.image_builder.deployed_template import DeployedTemplate, deployed_template
from test.image_builder.fakes import STATE_MACHINE, CloudFormation, FakeClock, Registry, Stubs, serve


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def stubs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubs]:
    monkeypatch.setenv("STATE_MACHINE_ARN", STATE_MACHINE)
    made = Stubs.make()
    yield made
    made.close()


@pytest.fixture
def cloudformation(monkeypatch: pytest.MonkeyPatch) -> CloudFormation:
    receiver = CloudFormation()
    monkeypatch.setattr("image_builder.function.cloudformation.response.urlopen", receiver.urlopen)
    return receiver


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> DeployedTemplate:
    return deployed_template(tmp_path_factory.mktemp("app"))


@pytest.fixture(scope="session")
def served() -> Iterator[Registry]:
    with serve(Registry("")) as registry:
        yield registry


@pytest.fixture
def registry(served: Registry) -> Registry:
    served.blobs.clear()
    return served
