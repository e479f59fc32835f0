"""Documentation and code say the same: every setting, verb, flag, metric, link and make target, in both directions."""

import ast
import re
import tomllib
from importlib import import_module
from pathlib import Path

import click
import pytest

from registry.cli.command import root
from registry.cli.flags import FLAGS
from registry.cli.verbs import Verbs
from registry.config import SETTINGS, ConfigError, load
from registry.telemetry.families import FAMILIES
from runtime.cli.command import root as front_door
from runtime.cli.declared import declared
from runtime.cli.group import Verbs as RuntimeVerbs
from runtime.cli.group import module_of
from runtime.cli.home import ROOT_VARIABLE, RUN_VARIABLE
from runtime.cli.settings import VARIABLE
from tests.project.source import ROOT, modules

CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text()
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
RUNTIME = (ROOT / "docs" / "runtime.md").read_text()
METRICS = (ROOT / "docs" / "metrics.md").read_text()
README = (ROOT / "README.md").read_text()
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def rows(page: str) -> list[list[str]]:
    """The cells of every row of every table."""
    lines = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("|---")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def verbs(group: Verbs, prefix: str = "entrepot") -> dict[str, click.Command]:
    """Every verb by how it is typed, groups opened."""
    found: dict[str, click.Command] = {}
    for name in group.verbs:
        command = import_module(f"{group.package}.{name}").command
        if isinstance(command, Verbs):
            found.update(verbs(command, f"{prefix} {name}"))
        else:
            found[f"{prefix} {name}"] = command
    return found


@pytest.mark.parametrize("key", SETTINGS)
def test_a_setting_is_documented(key: str) -> None:
    setting = SETTINGS[key]
    [row] = [row for row in rows(CONFIGURATION) if row[0].startswith(f"`{key}`")]
    assert row[0] == f"`{key}`<br>`{setting.variable}`"
    assert row[1] == f"`{setting.type.write(setting.default)}`"
    assert row[2] == setting.type.allowed
    assert len(row[3]) > 10


def test_only_settings_are_documented_and_in_their_order() -> None:
    documented = [row[0].split("`")[1] for row in rows(CONFIGURATION) if "<br>" in row[0]]
    assert documented == list(SETTINGS)
    names = set(re.findall(r"ENTREPOT_[A-Z0-9_]+", "".join(page.read_text() for page in PAGES)))
    known = {setting.variable for setting in SETTINGS.values()}
    assert names <= known | {"ENTREPOT_CONFIG", ROOT_VARIABLE, RUN_VARIABLE, VARIABLE, "ENTREPOT_COMPLETE"}


def test_settings_named_anywhere_exist() -> None:
    sections = "|".join({setting.section for setting in SETTINGS.values()})
    for page in (CONFIGURATION, OPERATIONS, METRICS, README):
        for key in re.findall(rf"`((?:{sections})\.[a-z0-9_]+)\b", page):
            assert key in SETTINGS


def refused(combination: str) -> ConfigError:
    """What the start says to the values that a row of the table gives; what stands behind "without" is left out."""
    given, *others = re.split(r"\bwithout\b", combination)
    wanted = dict(re.findall(r"`([a-z0-9_]+\.[a-z0-9_]+) = ([^`]+)`", given))
    assert wanted, combination
    flags = {
        key: ",".join(value) if isinstance(value, list) else str(value).lower() if value in (True, False) else value
        for key, text in wanted.items()
        for value in [tomllib.loads(f"value = {text}")["value"]]
    }
    with pytest.raises(ConfigError) as caught:
        load(None, {}, {key: str(value) for key, value in flags.items()})
    assert caught.value.key in combination or caught.value.key.startswith("s3."), combination
    for other in others:
        assert re.search(r"`([a-z0-9_]+\.[a-z0-9_]+)", other), combination
    return caught.value


def test_invalid_combinations_are_refused_and_all_are_documented() -> None:
    table = CONFIGURATION.partition("## Invalid combinations")[2]
    reasons = [refused(row[0]).allowed for row in rows(table)[1:]]
    assert len(set(reasons)) == len(reasons)
    checks = ast.parse((ROOT / "registry" / "config" / "checks.py").read_text())
    known = [node for node in ast.walk(checks) if isinstance(node, ast.Call) and ast.unparse(node.func) == "_Refusal"]
    assert len(reasons) == len(known)


def test_what_is_refused_is_not_said_to_have_no_effect() -> None:
    table = CONFIGURATION.partition("## Invalid combinations")[2]
    keys = {refused(row[0]).key for row in rows(table)[1:]}
    harmless = re.compile(r"no effect|no meaning|nothing to do with|is ignored|are ignored")
    sections = re.split(r"^## ", CONFIGURATION.partition("## Invalid combinations")[0], flags=re.MULTILINE)
    for section in sections:
        name = section.partition("]")[0].removeprefix("[")
        prose = section.partition("|---")[0]
        assert not (harmless.search(prose) and any(key.startswith(f"{name}.") for key in keys)), prose
    documented = {row[0].split("`")[1]: row[3] for row in rows(CONFIGURATION) if "<br>" in row[0]}
    assert [key for key in keys if harmless.search(documented[key])] == []


@pytest.mark.parametrize("page", ["getting-started", "configuration", "s3", "postgresql", "deploy"])
def test_configuration_files_on_a_page_are_valid(page: str, tmp_path: Path) -> None:
    for number, text in enumerate(re.findall(r"^```toml\n(.*?)^```", page_text(page), re.DOTALL | re.MULTILINE)):
        file = tmp_path / f"{number}.toml"
        file.write_text(text)
        load(str(file), {}, {})


def page_text(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text()


def test_every_page_is_in_the_index() -> None:
    index = page_text("README")
    assert [page.name for page in (ROOT / "docs").glob("*.md") if f"({page.name})" not in index] == ["README.md"]


def test_verbs_are_documented_and_exist() -> None:
    documented = {row[0].strip("`").replace(" FILE", "") for row in rows(OPERATIONS) if row[0].startswith("`entrepot ")}
    assert documented == set(verbs(root))


def test_flags_are_documented_and_exist() -> None:
    options = {
        option
        for command in verbs(root).values()
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
    }
    documented = {
        row[0].split("`")[1].partition(" ")[0]: row[1] for row in rows(OPERATIONS) if row[0].startswith("`--")
    }
    assert documented.keys() == options
    for name, (key, metavar, _) in FLAGS.items():
        flag = f"--{name.replace('_', '-')}"
        assert documented[flag] == f"`{key}`"
        assert f"`{flag} {metavar}`" in OPERATIONS.replace("\\|", "|")


def runtime_verbs(group: RuntimeVerbs, prefix: str = "entrepot") -> dict[str, click.Command]:
    """Every verb of the runtime by how it is typed, groups opened."""
    found: dict[str, click.Command] = {}
    for name in group.verbs:
        command = declared(import_module(f"{group.package}.{module_of(name)}").command)
        inner = runtime_verbs(command, f"{prefix} {name}") if isinstance(command, RuntimeVerbs) else {}
        found |= inner or {f"{prefix} {name}": command}
    return found


def options_of(command: click.Command) -> set[str]:
    """Every spelling of its options."""
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    return {spelling for option in options for spelling in (*option.opts, *option.secondary_opts)}


def test_verbs_of_the_runtime_and_their_flags_are_documented_and_exist() -> None:
    existing = runtime_verbs(front_door)
    documented = {
        typed: set(re.findall(r"`(--?[\w-]+)`", row[1]))
        for row in rows(RUNTIME)
        for typed in re.findall(r"`(entrepot [a-z -]+)`", row[0])
    }
    assert documented.keys() == existing.keys()
    for row in rows(RUNTIME):
        for typed in re.findall(r"`(entrepot [a-z -]+)`", row[0]):
            assert row[2] == (existing[typed].help or "").rstrip("."), f"{typed} in docs/runtime.md"
    table = RUNTIME.partition("## Options of run and create")[2].partition("\n## ")[0]
    of_run = {spelling for row in rows(table) for spelling in re.findall(r"`(--?[\w-]+)`", row[0])}
    for typed, flags in documented.items():
        same = existing[typed] in (existing["entrepot run"], existing["entrepot create"])
        assert flags == (set() if same else options_of(existing[typed])), f"{typed} in docs/runtime.md"
    assert of_run == options_of(existing["entrepot run"]) | options_of(existing["entrepot create"])


def test_metrics_are_documented_and_exist() -> None:
    documented = [row for row in rows(METRICS) if row[0].startswith("`entrepot_")]
    labels = [", ".join(f"`{label}`" for label in family.labels) or "none" for family in FAMILIES]
    assert documented == [
        [f"`{family.exposed}`", family.kind, label, family.help] for family, label in zip(FAMILIES, labels, strict=True)
    ]


def test_metrics_named_anywhere_exist() -> None:
    known = {family.exposed for family in FAMILIES}
    for page in (OPERATIONS, README):
        assert set(re.findall(r"`(entrepot_[a-z_]+)`", page)) <= known


def test_make_targets_named_anywhere_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z0-9]+):.*## ", makefile, re.MULTILINE))
    for page in PAGES:
        assert set(re.findall(r"(?:`|^|&& )make ([a-z0-9]+)\b", page.read_text(), re.MULTILINE)) <= targets
    assert set(re.findall(r"^make ([a-z0-9]+)", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)) <= targets


def test_files_named_anywhere_exist() -> None:
    """By their path, or by its end where the room is clear."""
    places = [*modules().values(), *(ROOT / "tests").rglob("*.py")]
    files = [f"/{path.relative_to(ROOT)}" for path in places]
    for page in PAGES:
        if page.name == "CHANGELOG.md":
            continue
        for named in re.findall(r"`([\w/]+\.py)`|\(([\w/]+\.py)\)", page.read_text()):
            name = "".join(named)
            assert any(file.endswith(f"/{name}") for file in files), f"{page.name} names {name}"


def test_the_rooms_of_the_architecture_are_the_folders() -> None:
    drawn = re.search(r"## Rooms\n\n```\n(.*?)```", (ROOT / "ARCHITECTURE.md").read_text(), re.DOTALL)
    assert drawn is not None
    for package in ("storage", "registry", "runtime"):
        part = re.search(rf"^{package}/(.*?)(?=^\S|\Z)", drawn[1], re.DOTALL | re.MULTILINE)
        assert part is not None
        folders = {path.name for path in (ROOT / package).iterdir() if (path / "__init__.py").exists()}
        assert folders - set(re.findall(r"\b(\w+)/", part[1])) == set()


def test_the_readme_opens_with_two_commands() -> None:
    first = re.search(r"```sh\n(.*?)```", README, re.DOTALL)
    assert first is not None
    assert [line.split("#")[0].strip() for line in first[1].splitlines()] == ["make serve", "make test"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        linked = page.parent / name if name else page
        assert linked.exists(), f"{page.name} links to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in anchors, f"{page.name} links to {target}"
