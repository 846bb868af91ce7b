"""Two requests sent at the same moment for one ledger: one executes, the other waits and checks again."""

from concurrent.futures import ThreadPoolExecutor

from tests.e2e.people import API, EXAMPLE, People


def test_one_executes_the_other_waits_and_then_agrees_on_a_new_digest(people: People) -> None:
    with ThreadPoolExecutor(2) as both:
        first, second = both.map(lambda _: people.request(), range(2))
    people.approve_all(first)
    people.approve_all(second)
    people.wait_for(second, "authorising")
    agreed = people.case(second)["digest"]

    people.authorise(first)
    people.wait_for(first, "correcting")
    people.authorise(second)
    waiting = people.case(second)
    assert (waiting["state"], waiting["waiting_for"]) == ("authorising", [first])

    third = people.post("clerk", f"{API}/requests", EXAMPLE)
    assert third.status_code == 409
    assert third.json()["type"] == "/problems/ledger-busy"
    assert third.json()["holder"] == first

    people.finish(first)
    people.wait_for(first, "completed")
    people.wait_for(second, "approving")
    assert people.case(second)["digest"] != agreed
    people.approve_all(second)
    people.authorise(second)
    people.wait_for(second, "correcting")
    people.finish(second)
    people.wait_for(second, "completed")
