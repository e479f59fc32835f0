"""A part of the bench with rows of its own: two ways to serve, measured in turns like all others."""

from dataclasses import dataclass

from tests.bench import report
from tests.bench.compare import Measured
from tests.bench.rows import Row


@dataclass(frozen=True, slots=True)
class Section:
    """What was measured: the first record is compared with the second."""

    title: str
    note: str
    rows: tuple[Row, ...]
    records: list[Measured]

    def markdown(self) -> str:
        """Its heading, what to know, the table, and what failed."""
        ours, peer = self.records
        parts = [f"### {self.title}", self.note, report.comparison(ours, peer, self.rows, targets=True)]
        return "\n\n".join(part for part in [*parts, *map(report.failures, self.records)] if part)

    @property
    def met(self) -> bool:
        """Whether no row failed and every target was reached."""
        ours, peer = self.records
        return not ours.failures and not peer.failures and all(report.met(row, ours, peer) for row in self.rows)
