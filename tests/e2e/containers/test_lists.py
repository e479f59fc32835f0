"""What is told of containers: ps with its filters and formats, inspect, port, rename, both spellings, completion."""

import json
import re

import pytest

from tests.e2e.containers.engines import Engine

pytestmark = pytest.mark.e2e

NONE = "--network=none"
# Of docker's inspect, what scripts are known to ask for.
ASKED = {
    "": "Id Created Path Args State Image ResolvConfPath HostnamePath HostsPath LogPath Name RestartCount Driver"
    " Platform HostConfig Mounts Config NetworkSettings",
    "State": "Status Running Paused Restarting OOMKilled Dead Pid ExitCode Error StartedAt FinishedAt",
    "Config": "Hostname Domainname User AttachStdin AttachStdout AttachStderr Tty OpenStdin StdinOnce Env Cmd Image"
    " Volumes WorkingDir Entrypoint Labels",
    "HostConfig": "Binds LogConfig NetworkMode PortBindings RestartPolicy AutoRemove CapAdd CapDrop Dns DnsOptions"
    " DnsSearch ExtraHosts GroupAdd IpcMode OomScoreAdj PidMode Privileged PublishAllPorts ReadonlyRootfs SecurityOpt"
    " UTSMode UsernsMode ShmSize Runtime CpuShares Memory NanoCpus CgroupParent BlkioWeight CpuPeriod CpuQuota"
    " CpusetCpus CpusetMems Devices MemoryReservation MemorySwap MemorySwappiness OomKillDisable PidsLimit Ulimits"
    " MaskedPaths ReadonlyPaths",
    "NetworkSettings": "Bridge SandboxKey Ports Gateway IPAddress IPPrefixLen MacAddress Networks",
}


def test_lists_and_their_filters(engine: Engine) -> None:
    first = engine(
        *("run", "-d", "--name", "list-one", "-l", "test=list", "-l", "kind=a", NONE, "--restart=unless-stopped"),
        *("busybox", "sh", "-c", "echo 'a b'\nexec sleep 1000"),
    ).strip()
    second = engine("create", "--name", "list-two", "--label", "test=list", "-v", "/v", NONE, "busybox").strip()
    engine("run", "--name", "list-three", "-l", "test=list", NONE, "busybox", "sh", "-c", "exit 3", code=3)

    def names(*filters: str) -> list[str]:
        words = [word for each in filters for word in ("--filter", each)]
        return engine.lines("ps", "-a", "--filter", "label=test=list", *words, "--format", "{{.Names}}")

    assert names() == ["list-three", "list-two", "list-one"]
    assert names("name=^/list-t") == ["list-three", "list-two"]
    assert names("name=one|two") == ["list-two", "list-one"]
    assert names("status=created", "status=exited") == ["list-three", "list-two"]
    assert names("exited=3") == ["list-three"]
    assert names("label=kind") == ["list-one"]
    assert names("label=kind=b") == []
    assert names(f"id={first[:12]}") == ["list-one"]
    assert names("volume=/v") == ["list-two"]
    assert names("network=none") == names()
    assert names("before=list-two") == ["list-one"]
    assert names("since=list-two") == ["list-three"]
    assert names("ancestor=busybox") == names("ancestor=busybox:latest") == names()
    assert names("health=none") == names()
    assert engine.lines("ps", "-q", "--no-trunc", "-f", "label=test=list") == [first]
    assert engine.lines("ps", "-n=2", "--format", "{{.ID}}")[1] == second[:12]
    assert engine.lines("ps", "-lq") == engine.lines("container", "ls", "--last", "1", "--quiet=true")
    assert "invalid filter" in engine.refuses("ps", "--filter", "nosuch=1")

    shape = '{{.ID}}|{{.Image}}|{{.Command}}|{{.State}}|{{.Names}}|{{.Label "kind"}}|{{.Mounts}}|{{.Networks}}'
    assert engine.lines("ps", "--filter", "label=kind", "--format", shape) == [
        f"{first[:12]}|busybox|\"sh -c 'echo 'a b'\\ne…\"|running|list-one|a||none"
    ]
    assert re.fullmatch(
        r"CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES\n"
        rf"{first[:12]} +busybox +\"sh -c 'echo 'a b'\\ne…\" +\S.* ago +Up \S.* +list-one\n",
        engine("ps", "--filter", "label=kind"),
    )
    assert re.fullmatch(
        r"NAMES +STATUS\nlist-three +Exited \(3\) .* ago\nlist-two +Created\nlist-one +Up .*\n",
        engine("container", "ls", "-a", "-f", "label=test=list", "--format", "table {{.Names}}\t{{.Status}}"),
    )
    told = json.loads(engine("ps", "--filter", "label=kind", "--format", "{{json .}}"))
    assert {"Command", "CreatedAt", "ID", "Image", "Labels", "LocalVolumes", "Mounts", "Names", "Networks", "Ports",
            "RunningFor", "Size", "State", "Status"} <= set(told)  # fmt: skip
    assert set(told["Labels"].split(",")) == {"made=here", "test=list", "kind=a"}
    assert re.fullmatch(
        r"\d\S*B \(virtual \d\S*MB\)\n", engine("ps", "-s", "-f", "label=kind", "--format", "{{.Size}}")
    )
    _inspect(engine, first)
    engine("rename", "list-one", "list-uno")
    assert engine.asked(first[:10], "{{.Name}}") == "/list-uno"
    assert "already in use" in engine.refuses("rename", "list-uno", "list-two")
    assert "running" in engine.refuses("rm", "list-uno")
    assert engine.lines("container", "rm", "-f", "-v", "list-uno", "list-two", "list-three")[0] == "list-uno"
    assert "no such container" in engine.refuses("container", "inspect", "list-uno")
    assert "no such object" in engine.refuses("inspect", "list-uno")


def _inspect(engine: Engine, id: str) -> None:
    [told] = engine.document("inspect", "list-one")
    for part, fields in ASKED.items():
        assert set(fields.split()) <= set(told[part] if part else told), part
    assert told["Id"] == id
    assert told["Name"] == "/list-one"
    assert told["Path"] == "sh"
    assert told["Args"] == ["-c", "echo 'a b'\nexec sleep 1000"]
    assert told["State"]["Pid"] > 1
    assert told["Config"]["Hostname"] == id[:12]
    assert told["Config"]["Cmd"] == ["sh", "-c", "echo 'a b'\nexec sleep 1000"]
    assert told["HostConfig"]["RestartPolicy"] == {"Name": "unless-stopped", "MaximumRetryCount": 0}
    assert told["HostConfig"]["NetworkMode"] == "none"
    assert list(told["NetworkSettings"]["Networks"]) == ["none"]
    template = (
        "{{.State.Running}} {{.HostConfig.Memory}} {{json .Config.Labels.kind}} {{len .Args}} {{index .Args 0}}"
        "{{range $key, $value := .NetworkSettings.Networks}} {{$key}}{{end}}{{if .State.Paused}} paused{{end}}"
        ' {{join .Config.Cmd "+" | printf "%.4s"}} {{upper .Path}} {{.Config.Cmd}} {{printf "%q" .Path}}'
    )
    assert engine.asked("list-one", template) == (
        'true 0 "a" 2 -c none sh+- SH [sh -c echo \'a b\'\nexec sleep 1000] "sh"'
    )
    assert engine.asked("list-one", '[{{index .Config.Labels "nosuch"}}]{{if .State.Health}}well{{end}}') == "[]"
    assert engine.asked("list-one", "{{json .Config.Entrypoint}} [{{.Config.User}}]") == "null []"
    engine.refuses("inspect", "--format", "{{.State.Health.Status}}", "list-one")
    engine.refuses("inspect", "--format", "{{.State", "list-one", code=64 if engine.is_docker else 1)
    engine.refuses("ps", "-a", "--format", "{{.Nosuch}}")
    assert engine("inspect", "--type=image", "-f", "{{.RepoTags}}", "busybox") == "[busybox:latest]\n"
    assert engine("inspect", "--type", "network", "-f", "{{.Name}} {{.Driver}}", "bridge") == "bridge bridge\n"
    assert "no such" in engine.refuses("inspect", "--type=volume", "list-one")


def test_the_shell_completes(entrepot: Engine) -> None:
    def completed(*words: str) -> list[str]:
        given = {"_ENTREPOT_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(("entrepot", *words))}
        return entrepot.with_environment(**given, COMP_CWORD=str(len(words))).lines()

    assert "_entrepot_completion" in entrepot.with_environment(_ENTREPOT_COMPLETE="bash_source")()
    assert "_entrepot_completion" in entrepot.with_environment(_ENTREPOT_COMPLETE="zsh_source")()
    assert "entrepot" in entrepot.with_environment(_ENTREPOT_COMPLETE="fish_source")()
    assert [line.partition(",")[2] for line in completed("ren")] == ["rename"]
    assert {"plain,ls", "plain,rm"} <= set(completed("volume", ""))
    entrepot("create", "--name", "completed", NONE, "busybox")
    assert completed("rm", "-f", "comp") == ["plain,completed"]
    assert completed("run", "--rm", "busy") == ["plain,busybox:latest"]
    assert completed("network", "rm", "br") == ["plain,bridge"]
    entrepot("rm", "completed")
    assert {"plain,--memory", "plain,--memory-swap"} <= set(completed("run", "--mem"))
