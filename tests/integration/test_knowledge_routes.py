"""The knowledge base over HTTP, and where people meet it: beside their tasks."""

from tests.integration.test_routes import ZH, World, problem, world

__all__ = ["world"]  # a fixture


async def test_articles_are_chosen_by_step_module_and_error_in_the_readers_language(world: World) -> None:
    asked = {"step": "correcting", "module": "inventory", "error": "COUNT_INCOMPLETE".lower()}
    answer = await world.http.get("/api/v1/knowledge", params=asked, headers=ZH)
    first = answer.json()["items"][0]
    assert (first["id"], first["language"]) == ("correct-a-stock-count", "zh")
    assert "盘盈" in first["text"]
    alone = await world.http.get("/api/v1/knowledge/correct-a-stock-count", headers={"Accept-Language": "en"})
    assert (alone.json()["title"], alone.json()["version"]) == (
        "How to correct a stock count",
        first["version"],
    )


async def test_words_are_found_and_an_article_that_is_not_there_is_told(world: World) -> None:
    found = await world.http.get("/api/v1/knowledge", params={"q": "red amounts negated"})
    assert [item["id"] for item in found.json()["items"]] == ["red-letter-reversal"]
    assert (await world.http.get("/api/v1/knowledge", params={"q": "火星基地"})).json()["items"] == []
    problem(await world.http.get("/api/v1/knowledge/nothing"), 404, "unknown-article")
    refused = problem(await world.http.get("/api/v1/knowledge?step=flying"), 422, "invalid-request")
    assert refused["errors"][0]["pointer"] == "/step"


async def test_a_task_names_what_to_read_before_acting(world: World) -> None:
    task = await world.approving()
    shown = (await world.as_("warehouse", "GET", f"/api/v1/tasks/{task}", headers=ZH)).json()["knowledge"]
    assert 1 <= len(shown) <= 5
    assert "为什么不能一次反多个期间" in [
        link["title"] for link in shown
    ]  # the case's own finding: its reach
    read = await world.http.get(shown[0]["href"], headers=ZH)
    assert read.json()["id"] == shown[0]["id"]
    assert (
        await world.http.get(shown[0]["href"], headers={**ZH, "If-None-Match": read.headers["etag"]})
    ).status_code == 304
