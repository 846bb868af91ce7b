"""The one list of tasks: those of cases and standing tasks, in one order."""

from datetime import datetime

from service.queries import Page, Reader, Slice, TaskFilter, TaskView, page_of
from service.standing_tasks import StandingTasks, StandingView


async def task_list(
    reader: Reader, standing: StandingTasks, wanted: TaskFilter, part: Slice
) -> Page[TaskView | StandingView]:
    """One page of both, newest first. Either is read a page far, however much there is.

    Raises:
        CursorUnreadable: the cursor was not given out here.
    """
    one_more = Slice(part.limit + 1, part.cursor)
    of_cases = await reader.tasks(wanted, one_more)
    of_none = await standing.page(wanted, one_more)
    both: list[TaskView | StandingView] = [*of_cases.items, *of_none.items]
    newest = sorted(both, key=_position, reverse=True)[: part.limit + 1]
    return page_of(newest, [_position(view) for view in newest], part)


def _position(view: TaskView | StandingView) -> tuple[datetime, str]:
    return view.opened_at, view.id
