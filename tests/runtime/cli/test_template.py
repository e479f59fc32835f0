"""Templates as docker's users write them, and lists made of rows."""

import pytest

from runtime.cli.listing import write_documents, write_rows
from runtime.cli.template import TemplateError, parse, render

VALUE = {
    "Name": "web",
    "Up": True,
    "None": None,
    "Tags": ["a", "b"],
    "State": {"Status": "running", "Pid": 7},
    "Labels": {"com.x": "1", "z": "2"},
    "Networks": {"one": {"IP": "10.0.0.2"}, "two": {"IP": "10.0.1.2"}},
    "Empty": [],
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{.Name}} is {{.State.Status}}", "web is running"),
        ("{{json .State}}", '{"Status":"running","Pid":7}'),
        ("{{.Up}} {{.Tags}} {{.Labels}}", "true [a b] map[com.x:1 z:2]"),
        ('{{index .Labels "com.x"}}{{index .Tags 1}}', "1b"),
        ('[{{index .Labels "com.y"}}] {{index .Networks "x"}} {{if .State.Health}}x{{end}}', "[] <no value> "),
        ('{{printf "%.3s %.2f" .State.Status .State.Pid}}', "run 7.00"),
        ("{{range .Networks}}{{.IP}},{{end}}", "10.0.0.2,10.0.1.2,"),
        ("{{range $k, $v := .Networks}}{{$k}}={{$v.IP}};{{end}}", "one=10.0.0.2;two=10.0.1.2;"),
        ("{{range $i, $t := .Tags}}{{if $i}}, {{end}}{{$t}}{{end}}", "a, b"),
        ("{{range .Empty}}x{{else}}none{{end}}", "none"),
        ("{{if .None}}a{{else if .Up}}b{{else}}c{{end}}", "b"),
        ("{{with .State}}{{.Pid}} of {{$.Name}}{{end}}", "7 of web"),
        ('{{join .Tags "-"}} {{.Name | upper}} {{len .Tags}}', "a-b WEB 2"),
        ('{{if and .Up (eq .State.Status "running" "paused")}}yes{{end}}', "yes"),
        ('{{printf "%s:%4d %-3v|%q" .Name .State.Pid .Up "x"}}', 'web:   7 true|"x"'),
        ('{{printf "%s:%d" .Name .State.Pid}}{{println .Up}}', "web:7true\n"),
        ("a  {{- .Name -}}  b", "awebb"),
        ("{{.State.Missing}}{{/* nothing */}}", "<no value>"),
        ('{{$x := .Name}}{{$x}}{{"}}"}}{{`"`}}', 'web}}"'),
        ("{{(index .Networks `one`).IP}}", "10.0.0.2"),
    ],
)
def test_what_is_filled_in(template: str, text: str) -> None:
    assert render(parse(template), VALUE) == text


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{.Nome}}", "no field Nome, there are Name"),
        ("{{", "not closed"),
        ("{{if .Up}}", "end}} is missing"),
        ("{{end}}", "closes nothing"),
        ("{{nope .Up}}", "'nope' is not known"),
        ("{{.Name.X}}", "has no field X"),
        ("{{index .Tags 9}}", "index 9"),
        ("{{(.Up}}", "not closed"),
        ("{{.Up %}}", "not understood"),
        ("{{| upper}}", "missing"),
        ("{{if .Up}}" * 40, "too deeply"),
        ("{{len 1}}", "cannot be used"),
        ("{{.State.Health.Status}}", "nothing to take Status of"),
        ('{{printf "%s %s" .Name}}', "cannot be used"),
    ],
)
def test_what_is_wrong_with_a_template_is_told(template: str, said: str) -> None:
    with pytest.raises(TemplateError, match=said):
        render(parse(template), VALUE)


def test_rows(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"ID": "1", "CreatedAt": "now", "Long": "x" * 10}, {"ID": "22", "CreatedAt": "then", "Long": ""}]
    write_rows(rows, ("ID", "Long", "CreatedAt"), headings={"Long": "LONG NAME"})
    assert capsys.readouterr().out.splitlines() == [
        "ID        LONG NAME    CREATED AT",
        "1         xxxxxxxxxx   now",
        "22                     then",
    ]
    write_rows(rows, (), "table {{.ID}}\\t{{.CreatedAt}}")
    assert capsys.readouterr().out == "ID        CREATED AT\n1         now\n22        then\n"
    write_rows(rows, (), "json")
    assert capsys.readouterr().out.startswith('{"ID":"1","CreatedAt":"now","Long":"xxxxxxxxxx"}\n')
    write_rows(rows, (), "{{.ID}}!")
    assert capsys.readouterr().out == "1!\n22!\n"
    write_documents(rows[:1], None)
    assert capsys.readouterr().out.startswith('[\n    {\n        "ID": "1",')
