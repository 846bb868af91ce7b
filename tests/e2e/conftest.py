"""One whole tree for all end-to-end tests of a run, with its logs shown when a test fails."""

from collections.abc import Iterator

import pytest

from tests.e2e.people import People, people_at
from tests.e2e.tree import Tree, running_tree


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    with running_tree(tmp_path_factory.mktemp("dev")) as running:
        yield running


@pytest.fixture
def people(tree: Tree, request: pytest.FixtureRequest) -> Iterator[People]:
    failed_before = request.session.testsfailed
    with people_at(tree.url) as everyone:
        yield everyone
    if request.session.testsfailed > failed_before:
        print(tree.logs())
