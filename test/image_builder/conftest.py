from collections.abc import Iterator

import pytest

from test.image_builder.fakes import FakeClock, Registry, Stubs, serve


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def stubs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubs]:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    made = Stubs.make()
    yield made
    made.assert_no_pending_responses()


@pytest.fixture(scope="session")
def served() -> Iterator[Registry]:
    with serve(Registry("")) as registry:
        yield registry


@pytest.fixture
def registry(served: Registry) -> Registry:
    served.blobs.clear()
    return served
