from collections.abc import Iterator

import pytest

from test.image_builder.fakes import FakeClock, Registry, Stubs, serve


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def stubs() -> Iterator[Stubs]:
    made = Stubs.make()
    yield made
    made.close()


@pytest.fixture(scope="session")
def served() -> Iterator[Registry]:
    with serve(Registry("")) as registry:
        yield registry


@pytest.fixture
def registry(served: Registry) -> Registry:
    served.blobs.clear()
    return served
