"""`python -m checks.verdict FILE…`: judge again what was published, and never crash on a file."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.verdict.__main__ import _line, main
from checks.verdict.judge import judge
from checks.verdict.rules import RULESET, Verdict
from tests.verdict.examples import EXAMPLES
from tests.verdict.scenarios import SCENARIOS
from tests.verdict.test_ooni import ANYTHING, changed, places
from tests.verdict.test_rules import FOLDER, KZ, ROOT


def document(rule_id):
    measurement, controls, _ = EXAMPLES[rule_id]
    return {"measurement": measurement.as_json(), "controls": [control.as_json() for control in controls]}


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments] + ["--fingerprints", str(FOLDER)])
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".json.gz", ".jsonl.gz"])
def test_every_example_is_judged_the_same_from_a_file(tmp_path, capsys, suffix):
    documents = [document(rule_id) for rule_id in EXAMPLES]
    text = "\n".join(map(json.dumps, documents)) if "jsonl" in suffix else json.dumps(documents)
    path = tmp_path / f"all{suffix}"
    path.write_bytes(gzip.compress(text.encode()) if suffix.endswith("gz") else text.encode())
    code, lines = run(capsys, path)
    assert code == 0
    assert [(line["rule"], line["mechanism"]) for line in lines] == [(r, EXAMPLES[r][2]) for r in EXAMPLES]
    assert {line["ruleset"] for line in lines} == {RULESET}


def test_what_the_register_publishes_of_one_measurement_is_judged_with_its_controls(tmp_path, capsys):
    both = document("tls_reset_sni")
    row = {"id": "0195", "vantage": "astana-1", "control": False, "url": None}
    path = tmp_path / "published.json"
    path.write_text(json.dumps({**row, "record": both["measurement"], "controls": both["controls"]}))
    assert run(capsys, path)[1][0]["rule"] == "tls_reset_sni"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("5", "a measurement is a JSON object"),
        ("{", "this is no JSON"),
        ('{"next": null, "results": []}', "a page of the API's table holds no records"),
        ('{"id": "0195", "vantage": "astana-1"}', "a row of the API's table holds no record"),
        ('{"vantage": "astana-1", "record": null, "controls": null}', "is not published"),
        ('{"format": 1, "url": "https://orda.kz/", "queries": []}', "without id, started, runtime"),
        ('{"record": 5, "controls": []}', "a record of a measurement is a JSON object"),
    ],
)
def test_what_is_no_measurement_is_refused_in_words(tmp_path, capsys, content, words):
    path = tmp_path / "wrong.json"
    path.write_text(content)
    error = run(capsys, path)[1][0]["error"]
    assert words in error
    assert "Error" not in error


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"connects": [{"hop": 0}]}, "a part of it has another form"),
        ({"queries": [{"hop": 0}]}, "a part of it is without answers"),
        ({"started": 5}, "another form"),
        ({"format": 7}, "format 7 is not 1"),
    ],
)
def test_a_part_that_is_wrong_is_named_in_words(tmp_path, capsys, change, words):
    path = tmp_path / "spoilt.json"
    path.write_text(json.dumps({**document("tls_timeout")["measurement"], **change}))
    error = run(capsys, path)[1][0]["error"]
    assert words in error
    assert "KeyError" not in error


def test_a_file_that_is_not_there_is_told_in_words(tmp_path, capsys):
    assert run(capsys, tmp_path / "absent.json")[1][0]["error"] == "the file cannot be read: No such file or directory"


def test_a_bare_measurement_is_judged_without_a_control(tmp_path, capsys):
    path = tmp_path / "one.json"
    path.write_text(json.dumps(document("tls_timeout")["measurement"]))
    code, lines = run(capsys, path)
    assert (code, lines[0]["input"], lines[0]["rule"]) == (0, "https://site.kz/", "no_control")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.json", b""),
        ("half.json", b'{"measurement": {'),
        ("number.json", b"5"),
        ("other.json", b'{"measurement": {"format": 1}}'),
        ("old.json", b'{"format": 0}'),
        ("controls.json", b'{"measurement": {}, "controls": 3}'),
        ("bytes.json", b"\xff\xfe"),
        ("broken.jsonl.gz", b"not gzip"),
        ("short.json.gz", gzip.compress(b"{}" * 1000, mtime=0)[:-12]),
        ("deep.json", b"[" * 100_000),
    ],
)
def test_an_unreadable_file_is_one_inconclusive_line_with_its_reason(tmp_path, capsys, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    code, lines = run(capsys, path)
    assert code == 1
    assert [line["verdict"] for line in lines] == ["inconclusive"]
    assert lines[0]["notes"] == ["unreadable"]
    assert lines[0]["error"]


@pytest.mark.parametrize("field", ["url", "started", "queries", "connects", "handshakes", "exchanges", "failure"])
@pytest.mark.parametrize("wrong", [None, 5, "text", [None], [{}], {}])
def test_a_field_of_a_wrong_type_never_crashes_the_command(tmp_path, capsys, field, wrong):
    spoilt = document("tls_timeout")
    spoilt["measurement"][field] = wrong
    path = tmp_path / "spoilt.json"
    path.write_text(json.dumps(spoilt))
    code, lines = run(capsys, path)
    assert code in (0, 1)
    assert len(lines) == 1


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_anything_in_a_file_is_a_line(data):
    spoilt = data.draw(st.sampled_from([*map(document, EXAMPLES), *SCENARIOS.values()]))
    spoilt = json.loads(json.dumps(spoilt))
    path = data.draw(st.sampled_from(places(spoilt)))
    spoilt = changed(spoilt, *path, to=data.draw(ANYTHING)) if path else data.draw(ANYTHING)
    line = _line("here", spoilt, KZ, "en", is_ooni=data.draw(st.booleans()))
    assert line["verdict"] in set(Verdict)
    json.dumps(line)


def test_half_a_character_is_printed_as_its_number(tmp_path, capsys):
    path = tmp_path / "half.json"
    path.write_text(json.dumps({**SCENARIOS["NXDOMAIN and the helper failed"], "input": "http://a.kz/\ud800"}))
    code, lines = run(capsys, path)
    assert (code, lines[0]["input"]) == (0, "http://a.kz/\ud800")


def test_a_mark_of_byte_order_is_no_part_of_the_document(tmp_path, capsys):
    path = tmp_path / "marked.json"
    path.write_text(json.dumps(document("tls_reset")), encoding="utf-8-sig")
    assert run(capsys, path)[1][0]["rule"] == "tls_reset"


def test_who_reads_the_first_lines_only_gets_no_traceback(tmp_path):
    path = tmp_path / "many.jsonl"
    path.write_text((json.dumps(document("tls_reset")) + "\n") * 2000)
    command = [sys.executable, "-m", "checks.verdict", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as running:
        assert running.stdout
        assert running.stderr
        assert json.loads(running.stdout.readline())["rule"] == "tls_reset"
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(60) == 1


def test_a_document_of_ooni_is_seen_or_forced(tmp_path, capsys):
    path = tmp_path / "one.json"
    path.write_text(json.dumps(SCENARIOS["TLS times out"]))
    assert run(capsys, path)[1][0]["mechanism"] == "tls.timeout"
    path.write_text(json.dumps(document("tls_timeout")))
    assert "OONI" in run(capsys, path, "--ooni")[1][0]["error"]


def test_explain_adds_the_facts_and_what_did_not_apply(tmp_path, capsys):
    path = tmp_path / "one.json"
    path.write_text(json.dumps(document("tls_reset")))
    line = run(capsys, path, "--explain")[1][0]
    assert "pair (what the controls met at that step): ok" in line["because"]
    assert any(miss.startswith("tls_reset_sni: swap") for miss in line["not_applied"])


def test_fingerprints_that_cannot_be_read_are_an_error_of_usage(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([str(tmp_path / "one.json"), "--fingerprints", str(tmp_path)])
    assert stopped.value.code == 2
    assert "neither blockpages.csv nor" in capsys.readouterr().err


def test_a_bad_line_does_not_silence_the_others(tmp_path, capsys):
    path = tmp_path / "some.jsonl"
    path.write_text("\n".join([json.dumps(document("tls_valid")), "{", "", json.dumps(document("tcp_timeout"))]))
    code, lines = run(capsys, path, tmp_path / "absent.json")
    assert code == 1
    assert [line["rule"] for line in lines] == ["tls_valid", None, "tcp_timeout", None]
    assert lines[1]["input"] == f"{path}:2"


def test_explain_adds_the_sentence(tmp_path, capsys):
    path = tmp_path / "one.json"
    path.write_text(json.dumps(document("dns_nxdomain")))
    _, lines = run(capsys, path, "--explain", "--language", "kk")
    assert lines[0]["sentence"] == "Желінің DNS-сервері site.kz атауы жоқ дейді; басқа DNS-серверлер оны табады."


def test_json_with_a_document_a_line_is_read_whatever_its_name_says(tmp_path, capsys):
    path = tmp_path / "lines.json"
    path.write_text("".join(json.dumps(document(rule)) + "\n" for rule in ("tls_valid", "tcp_timeout")))
    assert [line["rule"] for line in run(capsys, path)[1]] == ["tls_valid", "tcp_timeout"]


def test_a_file_without_a_known_ending_is_read_as_json(tmp_path, capsys):
    path = tmp_path / "measurement"
    path.write_text(json.dumps(document("tls_valid"), indent=1))
    assert run(capsys, path)[1][0]["rule"] == "tls_valid"


@pytest.mark.parametrize(
    ("name", "words"), [("bomb.json.gz", "larger than 32 MB"), ("bomb.jsonl.gz", "more than 200 times its size")]
)
def test_a_gzip_bomb_is_one_line_and_takes_no_memory(tmp_path, capsys, name, words):
    path = tmp_path / name
    with gzip.open(path, "wb") as file:
        for _ in range(300):
            file.write(b" " * 1_000_000)
    tracemalloc.start()
    code, lines = run(capsys, path)
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert code == 1
    assert words in lines[0]["error"]
    assert used < 160_000_000


def test_rows_of_controls_in_an_export_have_no_verdict(tmp_path, capsys):
    both = document("tls_reset_sni")
    rows = [
        {
            "id": "1",
            "vantage": "astana-1",
            "control": False,
            "record": both["measurement"],
            "controls": both["controls"],
        },
        {"id": "2", "vantage": "control-1", "control": True, "record": both["controls"][0], "controls": []},
    ]
    path = tmp_path / "export.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    code = main([str(path), "--fingerprints", str(FOLDER)])
    said = capsys.readouterr()
    assert (code, [json.loads(line)["rule"] for line in said.out.splitlines()]) == (0, ["tls_reset_sni"])
    assert said.err == "passed over: 1 measurements of controls, which have no verdict of their own\n"


def test_the_command_needs_no_django(tmp_path):
    path = tmp_path / "one.json"
    path.write_text(json.dumps(document("tls_reset_sni")))
    code = f"import sys, checks.verdict.__main__ as m; m.main([{str(path)!r}]); assert 'django' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout)["mechanism"] == "tls.reset.sni"


def test_a_judgement_survives_the_way_through_json():
    measurement, controls, _ = EXAMPLES["tls_timeout_sni"]
    there_and_back = [type(m).from_json(json.loads(json.dumps(m.as_json()))) for m in (measurement, *controls)]
    assert judge(there_and_back[0], there_and_back[1:], KZ) == judge(measurement, controls, KZ)
