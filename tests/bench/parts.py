"""The parts of the bench beside the rows: which are wanted, and those that compare two ways to serve."""

import argparse
from dataclasses import dataclass, field

from tests.bench import build, companion, postgres, proxied, requests, s3, workers
from tests.bench.compare import Measured, Plan
from tests.bench.section import Section

PARTS = {
    "flat": "the flat cost rows",
    "nginx": "the rows behind nginx, beside the reference behind nginx",
    "s3": "the rows over S3, beside the reference",
    "postgres": "the rows over PostgreSQL, beside SQLite",
    "workers": "two workers beside one",
    "runtime": "the companion runtime, beside docker and runc",
}


@dataclass(slots=True)
class Results:
    """Of all parts that ran."""

    sections: list[Section] = field(default_factory=list)
    counts: requests.Counts = field(default_factory=list)
    runtime: companion.Results | None = None

    @property
    def records(self) -> list[Measured]:
        """Every registry that was measured."""
        return [record for section in self.sections for record in section.records]

    @property
    def text(self) -> str:
        """All of it as Markdown."""
        text = "".join(f"\n{section.markdown()}\n" for section in self.sections)
        text += f"\n### Requests to the bucket\n\n{requests.markdown(self.counts)}\n" if self.counts else ""
        return text + (f"\n{self.runtime.markdown()}\n" if self.runtime else "")

    @property
    def met(self) -> bool:
        """Whether every target was reached."""
        met = all(section.met for section in self.sections)
        return met and (self.runtime is None or self.runtime.met)


def wanted(options: argparse.Namespace) -> set[str]:
    """The parts asked for, and "rows" for the rows themselves, which "only" leaves out."""
    said = {name: getattr(options, name) for name in PARTS}
    only = {name for name, how in said.items() if how == "only"}
    if only:
        return only
    if options.without_ours:
        return {"rows"}
    return {"rows"} | {name for name, how in said.items() if how == "with"}


def run(plan: Plan, chosen: set[str], reference: str, absent: list[str]) -> Results:
    """Run those that compare two ways to serve; what cannot be had is told in `absent`."""
    results = Results()
    if "nginx" in chosen:
        try:
            binary = build.reference(reference)
            results.sections += [proxied.run(plan, binary), proxied.run_sent(plan, binary)]
        except build.CannotBuild as missing:
            absent.append(f"Not measured: behind nginx: {missing}")
    if "s3" in chosen:
        try:
            section, results.counts = s3.run(plan, build.reference(reference))
            results.sections.append(section)
        except build.CannotBuild as missing:
            absent.append(f"Not measured: S3 beside the reference: {missing}")
    if "postgres" in chosen:
        results.sections.append(postgres.run(plan))
    if "workers" in chosen:
        results.sections.append(workers.run(plan))
    if "runtime" in chosen:
        try:
            results.runtime = companion.run(plan)
        except build.CannotBuild as missing:
            absent.append(f"Not measured: the companion runtime: {missing}")
    return results
