"""The command line of `run` and `create`: docker's spellings, where options end, what they make together."""

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.bundle.container import ContainerConfig, Endpoint, Healthcheck, HostConfig
from runtime.bundle.errors import BundleError
from runtime.cli.declared import declared
from runtime.cli.run_request import Asked
from runtime.cli.run_verb import run_verb


def asked(*words: str, starts: bool = True) -> Asked:
    found: list[Asked] = []
    command = declared(run_verb("Run.", found.append, starts=starts))
    command.main(list(words), standalone_mode=False)
    return found[0]


def config(*words: str) -> ContainerConfig:
    return asked(*words, "image").request.config


def host_config(*words: str) -> HostConfig:
    return asked(*words, "image").request.host_config


def refusal(*words: str) -> str:
    with pytest.raises((click.UsageError, BundleError)) as error:
        asked(*words)
    return error.value.format_message() if isinstance(error.value, click.UsageError) else str(error.value)


def test_a_bare_image_asks_for_nothing_but_output() -> None:
    found = asked("image")
    assert found.request.config == ContainerConfig(image="image", attach_stdout=True, attach_stderr=True)
    assert found.request.host_config == HostConfig()
    assert found.request.networking_config.endpoints_config == {}
    assert (found.sig_proxy, found.pull, found.detach_keys) == (True, "missing", b"\x10\x11")


def test_options_end_at_the_image() -> None:
    found = asked("--rm", "image", "ls", "--rm=false", "-it", "--", "-x")
    assert found.request.config.cmd == ("ls", "--rm=false", "-it", "--", "-x")
    assert found.request.host_config.auto_remove
    assert not found.request.config.tty
    assert asked("--", "image", "-x").request.config.cmd == ("-x",)


@pytest.mark.parametrize(
    "words", [["-it"], ["-ti"], ["-i", "-t"], ["--interactive", "--tty"], ["-i=true", "--tty=1"], ["-it=true"]]
)
def test_switches_of_one_letter_stand_together(words: list[str]) -> None:
    found = config(*words)
    assert (found.tty, found.open_stdin, found.attach_stdin, found.stdin_once) == (True, True, True, True)


def test_the_last_switch_counts() -> None:
    assert not config("-t", "--tty=false").tty
    assert config("--tty=false", "-t").tty
    assert not asked("--sig-proxy=false", "image").sig_proxy
    assert "use true or false" in refusal("--rm=maybe", "image")
    assert not host_config("--init=0", "--read-only=f").init


def test_values_of_options() -> None:
    ways = (["-p", "5:6"], ["-p5:6"], ["-p=5:6"], ["--publish", "5:6"], ["--publish=5:6"], ["-itp", "5:6"], ["-itp5:6"])
    for words in ways:
        assert list(host_config(*words).port_bindings) == ["6/tcp"], words
    assert config("-e", "--rm=x", "-eA=", "-e=B=C").env == ("--rm=x", "A=", "B=C")
    assert host_config("-m", "1g", "--memory-swap", "-1").memory_swap == -1
    assert config("--entrypoint", "").entrypoint == ("",)
    assert config("--entrypoint=").entrypoint == ("",)
    assert config("--stop-timeout", "0").stop_timeout == 0


def test_unknown_options_come_with_a_suggestion() -> None:
    assert "--memory" in refusal("--memry", "5m", "image")
    assert "No such option" in refusal("--gpus", "all", "image")
    assert "No such option '-x'" in refusal("-ix", "image")
    assert "requires an argument" in refusal("-p")
    assert "Missing argument 'IMAGE'" in refusal("-it")
    assert "not a valid integer" in refusal("--pids-limit", "x", "image")


def test_errors_name_the_option_and_exit_as_dockers() -> None:
    assert refusal("--memory", "5x", "image").startswith("--memory: invalid size")
    with pytest.raises(BundleError) as error:
        asked("--cap-add", "nope", "image")
    assert error.value.exit_code == 125


def test_what_is_for_the_command_line_alone(tmp_path: Path) -> None:
    words = ["-d", "--name", "me", "--cidfile", "f", "--pull=never", "--platform", "linux/arm64", "-q"]
    found = asked(*words, "--detach-keys", "ctrl-a,b", "image")
    assert (found.detach, found.name, found.cidfile, found.pull) == (True, "me", "f", "never")
    assert (found.platform, found.quiet, found.detach_keys) == ("linux/arm64", True, b"\x01b")
    assert not found.request.config.attach_stdout
    assert "use always, missing, never" in refusal("--pull", "sometimes", "image")
    assert "cannot specify both --attach and --detach" in refusal("-d", "-a", "stdin", "image")
    assert "detach keys" in refusal("--detach-keys", "what", "image")


def test_create_starts_nothing() -> None:
    assert not asked("image", starts=False).detach
    with pytest.raises(click.NoSuchOption):
        asked("-d", "image", starts=False)


def test_attached_streams() -> None:
    found = config("-a", "STDOUT")
    assert (found.attach_stdin, found.attach_stdout, found.attach_stderr) == (False, True, False)
    assert "valid streams" in refusal("-a", "what", "image")


def test_environment_files_and_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERE", "yes")
    monkeypatch.delenv("GONE", raising=False)
    (tmp_path / "env").write_text("A=1\nHERE\nGONE\nB=2\n")
    (tmp_path / "labels").write_text("a=1\nb\n")
    found = config(
        *("--env-file", str(tmp_path / "env"), "-e", "B=3", "-e", "HERE", "-e", "GONE"),
        *("--label-file", str(tmp_path / "labels"), "-l", "a=2"),
    )
    assert found.env == ("A=1", "HERE=yes", "B=3", "GONE")
    assert found.labels == {"a": "2", "b": ""}
    assert "no such file" in refusal("--env-file", str(tmp_path / "none"), "image")


def test_relative_paths_are_seen_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = asked("-v", "./x:/a", "-v", "..:/b:ro", "-v", "/c", "--mount", "type=bind,source=./y,target=/d", "image")
    assert found.request.host_config.binds == (f"{tmp_path}/x:/a", f"{tmp_path.parent}:/b:ro")
    assert found.request.host_config.mounts[0].source == f"{tmp_path}/y"
    assert found.request.config.volumes == {"/c": {}}


def test_ports_are_exposed_too() -> None:
    found = config("-p", "8080:80", "--expose", "90-91/udp")
    assert set(found.exposed_ports) == {"80/tcp", "90/udp", "91/udp"}


def test_networks() -> None:
    found = asked("--network", "one", "--network", "name=two,alias=b", "--ip", "1.2.3.4", "--net-alias", "a", "image")
    assert found.request.host_config.network_mode == "one"
    assert found.request.networking_config.endpoints_config == {
        "one": Endpoint(ipv4_address="1.2.3.4", aliases=("a",)),
        "two": Endpoint(aliases=("b",)),
    }
    default = asked("--mac-address", "02-AB-cd-00-00-01", "image").request
    assert default.networking_config.endpoints_config == {"bridge": Endpoint(mac_address="02:ab:cd:00:00:01")}
    assert default.host_config.network_mode == "default"
    assert "invalid MAC address" in refusal("--mac-address", "02:ab:cd:00:00", "image")
    assert "multiple times" in refusal("--net", "one", "--network", "one", "image")
    assert "given again" in refusal("--network", "name=one,ip=1.2.3.4", "--ip", "1.2.3.5", "image")
    assert "hostname and the network mode" in refusal("--network", "container:x", "-h", "name", "image")


def test_what_is_told_to_the_runtime_and_borrowed() -> None:
    found = host_config("--annotation", "a=1=2", "--annotation=b", "--volumes-from=x:ro", "--volumes-from", "y")
    assert found.annotations == {"a": "1=2", "b": ""}
    assert found.volumes_from == ("x:ro", "y")
    assert host_config("--link", "db:store", "--link=web").links == ("db:store", "web")
    assert "--annotation: invalid annotation" in refusal("--annotation", "=1", "image")
    assert "--volumes-from: invalid volumes-from" in refusal("--volumes-from", "x:ro,rw", "image")


def test_health() -> None:
    found = config("--health-cmd", "true", "--health-interval", "5s", "--health-retries", "2").healthcheck
    assert found == Healthcheck(test=("CMD-SHELL", "true"), interval=5 * 10**9, retries=2)
    assert config("--no-healthcheck").healthcheck == Healthcheck(test=("NONE",))
    assert "conflicts with --health-* options" in refusal("--no-healthcheck", "--health-retries", "2", "image")


def test_security_profiles_are_read_from_their_file(tmp_path: Path) -> None:
    profile: dict[str, Any] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []}
    (tmp_path / "profile").write_text(json.dumps(profile))
    found = host_config("--security-opt", f"seccomp={tmp_path / 'profile'}", "--security-opt", "systempaths=unconfined")
    assert found.security_opt == (f"seccomp={json.dumps(profile)}",)
    assert (found.masked_paths, found.readonly_paths) == ((), ())
    (tmp_path / "profile").write_text("{")
    assert "decoding seccomp profile failed" in refusal("--security-opt", f"seccomp={tmp_path / 'profile'}", "image")


def test_all_options_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    command = declared(run_verb("Run.", lambda _: None, starts=True))
    command.main(["--help"], standalone_mode=False)
    told = capsys.readouterr().out
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help
            assert all(word in told for word in option.opts)


def test_all_options_are_documented_and_no_other() -> None:
    page = (Path(__file__).parents[3] / "docs" / "runtime.md").read_text()
    section = page.partition("## Options of run and create")[2].partition("\n## ")[0]
    told = {
        word for row in section.splitlines() if row.startswith("| `-") for word in WORD.findall(row.split(" | ")[0])
    }
    command = declared(run_verb("Run.", lambda _: None, starts=True))
    assert told == {word for option in command.params if isinstance(option, click.Option) for word in option.opts}


WORD = re.compile(r"`(--?[a-z0-9-]+|-[A-Z])`")
WORDS = [
    "-i",
    "-t",
    "--rm",
    "--rm=false",
    "-p",
    "80",
    "-v",
    "/a",
    "--",
    "-",
    "--name",
    "x",
    "-e=A",
    "image",
    "--nope",
    "-z",
]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=6), max_size=8))
def test_any_line_is_read_or_refused(words: list[str]) -> None:
    with suppress(click.UsageError, BundleError):
        found = asked(*words).request.config
        assert (found.image, *(found.cmd or ())) == tuple(words[-1 - len(found.cmd or ()) :])
