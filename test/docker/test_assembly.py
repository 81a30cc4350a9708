"""An assembled image has the files and the configuration of the one that Docker builds, or there is none.

``ASSEMBLIES=500 pytest test/docker/test_assembly.py`` compares more random Dockerfiles than the tests do.
"""

import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from image_builder.build_program.plan import NoPlanError
from image_builder.function.assembly.declined import DeclinedError

from test.docker import assembly_corpus as corpus
from test.docker.assembly_corpus import FORMS, Form
from test.docker.assembly_images import BuildFailedError, BuiltImage, Images, archived, with_bases
from test.rehearsal import engine

ASSEMBLIES = int(os.environ.get("ASSEMBLIES", "12"))
FIRST_SEED = random.randrange(1_000_000) if "ASSEMBLIES" in os.environ else 0


@pytest.fixture(scope="module", params=["containerd store", "classic store"])
def images(request: pytest.FixtureRequest) -> Iterator[Images]:
    """Docker of the curated images' version with either store on Debian, else the one that is there."""
    with_store = request.param == "containerd store"
    if sentence := engine.missing():
        pytest.skip(sentence)
    if not with_store and not engine.has_curated():
        pytest.skip("the Docker engine that is there has one store only, which is compared already")
    with engine.curated(containerd_store=with_store) as running, with_bases(running) as prepared:
        yield prepared


def assembled(images: Images, image: BuiltImage, old: Path, new: Path, folder: Path) -> BuiltImage | str:
    """The assembled image, or why there is none."""
    try:
        return images.assemble(image, archived(old, folder), archived(new, folder), image.plan)
    except (DeclinedError, NoPlanError) as reason:
        return f"{type(reason).__name__}: {reason}"


def require_same(images: Images, assembled: BuiltImage, built: BuiltImage) -> None:
    """Both images have the same files and the same configuration."""
    found, wanted = images.files(assembled), images.files(built)
    assert {k: v for k, v in found.items() if wanted.get(k) != v} == {
        k: v for k, v in wanted.items() if found.get(k) != v
    }
    assert images.config(assembled) == images.config(built)


@pytest.mark.parametrize("name", FORMS)
def test_a_change_of_code_is_assembled_as_docker_builds_it(name: str, images: Images, tmp_path: Path) -> None:
    form = FORMS[name]
    old = corpus.write(tmp_path / "old", form)
    new = corpus.change_code(old, tmp_path / "new")
    image = images.build(old)
    result = assembled(images, image, old, new, tmp_path)
    assert isinstance(result, BuiltImage) == form.is_assembled, result
    if isinstance(result, BuiltImage):
        require_same(images, result, images.build(new))


def compare_random_changes(
    images: Images, form: Form, folder: Path, chance: random.Random, count: int
) -> Counter[str]:
    """Compare changes one after the other, each assembled from the image before if that is possible."""
    source, outcomes = corpus.write(folder / "0", form), Counter[str]()
    try:
        image = images.build(source)
    except BuildFailedError:
        return Counter(["not built"])
    for number in range(1, count + 1):
        new = corpus.change_anything(source, folder / str(number), chance)
        result = assembled(images, image, source, new, folder)
        try:
            built = images.build(new)
        except BuildFailedError:
            assert isinstance(result, str), "Docker refuses what was assembled"
            outcomes["not built"] += 1
            continue
        if isinstance(result, BuiltImage):
            require_same(images, result, built)
        outcomes["assembled" if isinstance(result, BuiltImage) else result] += 1
        source, image = new, result if isinstance(result, BuiltImage) else built
    return outcomes


def test_random_changes_are_assembled_as_docker_builds_them(images: Images, tmp_path: Path) -> None:
    outcomes = Counter[str]()
    for number in range(FIRST_SEED, FIRST_SEED + ASSEMBLIES):
        chance = random.Random(number)
        form = corpus.random_form(chance) if number % 3 else chance.choice([*FORMS.values()])
        try:
            outcomes += compare_random_changes(images, form, tmp_path / str(number), chance, 2)
        except AssertionError as error:
            error.add_note(f"seed {number}:\n{form.dockerfile}{form.files}")
            raise
    print(outcomes)
    assert outcomes["assembled"] >= ASSEMBLIES / 4, "too few changes were assembled to compare anything"


def test_containers_of_an_assembled_image_see_what_docker_builds(images: Images, tmp_path: Path) -> None:
    old = corpus.write(tmp_path / "old", FORMS["collisions"])
    new = corpus.change_code(old, tmp_path / "new")
    result = assembled(images, images.build(old), old, new, tmp_path)
    assert isinstance(result, BuiltImage)
    images.build(new)
    images.load(result, "assembly:loaded")
    assert images.exported("assembly:loaded") == images.exported("assembly:built")
