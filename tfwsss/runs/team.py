"""What stages ask of the processes that make a run together; a process alone is a team too."""

from collections.abc import Callable, Sequence
from typing import Any

from tfwsss.batches.share import Share
from tfwsss.runs.hosts import Place


class Team:
    """One process alone: it agrees with itself. `Several` is the same for many."""

    place = Place()

    @property
    def share(self) -> Share:
        """The part of each batch that this process reads."""
        return Share(self.place.rank, self.place.count)

    @property
    def first(self) -> bool:
        """Whether this process writes what there is one of."""
        return self.place.rank == 0

    def exchange(self, value: Any) -> list[Any]:
        """Waits until every process has called it as often, and returns the values of all.

        Args:
            value: of this process; JSON.

        Returns:
            Values in the order of the processes.

        Example:
        >>> Team().exchange({"a": 1})
        [{'a': 1}]
        """
        return [value]

    def agree(self, work: Callable[[], Any]) -> Any:
        """Lets process 0 work, and returns to all what it has found.

        Args:
            work: returns JSON; other processes do not call it.

        Example:
        >>> Team().agree(lambda: 3)
        3
        """
        return self.exchange(work() if self.first else None)[0]

    def own(self, names: Callable[[], Sequence[str]]) -> list[str]:
        """Shares names out.

        Args:
            names: returns those that are still to be worked on; asked of process 0 alone.

        Returns:
            Those of this process.

        Example:
        >>> Team().own(lambda: ("a", "b"))
        ['a', 'b']
        """
        return self.agree(lambda: list(names()))[self.place.rank::self.place.count]


class Appointed(Team):
    """One process that is told which names are its own.

    Args:
        names: what it works on.
    """

    def __init__(self, names: Sequence[str]):
        self._names = list(names)

    def own(self, names: Callable[[], Sequence[str]]) -> list[str]:
        """Returns the names that were given, whatever is still to be worked on."""
        return self._names
