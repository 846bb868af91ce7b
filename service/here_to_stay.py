"""What a process loads at its start lives as long as it does: the garbage collector need not look at it."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def here_to_stay() -> Iterator[None]:
    """Collect nothing meanwhile, and never look at what was made.

    Modules, models and routes are some hundred thousand objects and hardly any garbage. Collecting among
    them again and again is a fifth of the processor time of a start, and goes on afterwards.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
