"""Where a setting's value comes from, and what is said when it is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import BaseModel, ConfigDict, SecretStr, model_validator
from toolgate_runtime.settings import Row, Settings, SettingsError, load, load_or_exit, rows, setting


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    size: int = 1


class Sample(Settings):
    service: ClassVar[str] = "sample"

    number: int = setting(1, "A number.", unit="pieces", aliases=("OLD_NUMBER", "OLDER_NUMBER"), ge=0)
    words: tuple[str, ...] = setting((), "Words.")
    inner: dict[str, Inner] = setting(dict, "Objects.")
    key: SecretStr | None = setting(None, "A secret.")


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment and a folder without settings."""
    monkeypatch.chdir(tmp_path)
    for name in ("DEBUG_MODE", "TOOLGATE_CONFIG", "TOOLGATE_LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)


def config(monkeypatch: pytest.MonkeyPatch, text: str) -> Path:
    path = Path("settings.yaml").resolve()
    path.write_text(text)
    monkeypatch.setenv("TOOLGATE_CONFIG", str(path))
    return path


def test_defaults_hold_where_nothing_is_set() -> None:
    assert load(Sample).number == 1
    assert load(Sample).inner == {}


def test_the_environment_beats_dotenv_which_beats_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    config(monkeypatch, "number: 2\nwords: [a]\nlog_level: warning\n")
    Path(".env").write_text("TOOLGATE_NUMBER=3\nTOOLGATE_WORDS=b, c\n")
    monkeypatch.setenv("TOOLGATE_NUMBER", "4")
    settings = load(Sample)
    assert (settings.number, settings.words, settings.log_level) == (4, ("b", "c"), "warning")


def test_an_argument_beats_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLGATE_NUMBER", "4")
    assert Sample(number=5).number == 5


def test_the_own_name_beats_aliases_which_stand_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLDER_NUMBER", "1")
    assert load(Sample).number == 1
    monkeypatch.setenv("OLD_NUMBER", "2")
    assert load(Sample).number == 2
    monkeypatch.setenv("TOOLGATE_NUMBER", "3")
    assert load(Sample).number == 3


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLGATE_NUMBER", "")
    monkeypatch.setenv("OLD_NUMBER", "7")
    assert load(Sample).number == 7


def test_the_config_file_may_be_named_in_dotenv(monkeypatch: pytest.MonkeyPatch) -> None:
    path = config(monkeypatch, "number: 9\n")
    monkeypatch.delenv("TOOLGATE_CONFIG")
    Path(".env").write_text(f"TOOLGATE_CONFIG={path}\n")
    assert load(Sample).number == 9


def test_variables_of_other_services_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLGATE_EXTRACTOR_PORT", "tcp://10.0.0.1:50052")
    assert load(Sample).number == 1


def test_a_service_variable_of_kubernetes_is_not_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLGATE_METRICS_PORT", "tcp://10.0.0.1:9090")
    assert load(Sample).metrics_port == 9090
    monkeypatch.setenv("TOOLGATE_METRICS_PORT", "tcp")
    with pytest.raises(SettingsError, match=r"^TOOLGATE_METRICS_PORT: "):
        load(Sample)


def test_objects_come_as_json_from_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLGATE_INNER", '{"a": {"size": 3}}')
    assert load(Sample).inner == {"a": Inner(size=3)}


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(Sample).number = 2


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        (
            "TOOLGATE_NUMBER",
            "x",
            "TOOLGATE_NUMBER: Input should be a valid integer, unable to parse string as an integer (got 'x')",
        ),
        ("OLD_NUMBER", "-1", "OLD_NUMBER: Input should be greater than or equal to 0 (got '-1')"),
        (
            "TOOLGATE_LOG_LEVEL",
            "loud",
            "TOOLGATE_LOG_LEVEL: Input should be 'debug', 'info', 'warning' or 'error' (got 'loud')",
        ),
        ("DEBUG_MODE", "maybe", "DEBUG_MODE: Input should be a valid boolean, unable to interpret input (got 'maybe')"),
        ("TOOLGATE_INNER", '{"a":', "TOOLGATE_INNER: not JSON: Input data was truncated"),
        ("TOOLGATE_INNER", '{"a": {"sise": 3}}', "TOOLGATE_INNER: a.sise: Extra inputs are not permitted (got 3)"),
    ],
)
def test_a_wrong_value_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, line: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        load(Sample)
    assert str(caught.value) == line


def test_a_wrong_value_of_dotenv_and_of_the_file_say_where_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("TOOLGATE_NUMBER=x\n")
    with pytest.raises(SettingsError, match=r"^TOOLGATE_NUMBER in \.env: "):
        load(Sample)
    Path(".env").unlink()
    path = config(monkeypatch, "inner: {a: {size: x}}\n")
    with pytest.raises(SettingsError) as caught:
        load(Sample)
    assert str(caught.value).startswith(f"inner in {path}: a.size: Input should be a valid integer")


@pytest.mark.parametrize("text", ["key: 12345\n", "inner: {a: {password: 12345}}\n"])
def test_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    config(monkeypatch, text)
    with pytest.raises(SettingsError) as caught:
        load(Sample)
    assert "12345" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("numbr: 1\n", "has the unknown key 'numbr', did you mean 'number'?"),
        ("xyz: 1\n", "has the unknown key 'xyz'"),
        ("- a\n", "must contain a mapping at the top level"),
        ("a: [\n", "is not YAML: while parsing a flow node"),
    ],
)
def test_a_wrong_file_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch, text: str, complaint: str) -> None:
    path = config(monkeypatch, text)
    with pytest.raises(SettingsError) as caught:
        load(Sample)
    assert str(caught.value).startswith(f"TOOLGATE_CONFIG: {path} {complaint}")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLGATE_CONFIG", "/nowhere.yaml")
    with pytest.raises(
        SettingsError, match=r"^TOOLGATE_CONFIG: cannot read /nowhere\.yaml: No such file or directory$"
    ):
        load(Sample)


def test_an_empty_file_sets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    config(monkeypatch, "")
    assert load(Sample).number == 1


def test_a_wrong_setting_ends_the_process_with_status_2_and_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TOOLGATE_METRICS_PORT", "99999")
    with pytest.raises(SystemExit) as caught:
        load_or_exit(Sample)
    assert caught.value.code == 2
    said = "toolgate-sample: TOOLGATE_METRICS_PORT: Input should be less than or equal to 65535 (got '99999')\n"
    assert capsys.readouterr().err == said


def test_a_dotenv_that_cannot_be_read_is_one_line() -> None:
    Path(".env").write_bytes(b"NAME=caf\xe9\n")
    with pytest.raises(SettingsError, match=r"^cannot read \.env in the working directory: not UTF-8$"):
        load(Sample)


def test_a_config_file_that_an_option_names_beats_the_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    config(monkeypatch, "number: 2\n")
    Path("other.yaml").write_text("number: 5\n")
    assert load(Sample, "other.yaml").number == 5
    with pytest.raises(SettingsError, match=r"^--config: cannot read gone\.yaml: "):
        load(Sample, "gone.yaml")


def test_the_constructor_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLGATE_NUMBER", "4")
    assert Sample().number == 1


def test_an_error_between_settings_has_no_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    class Paired(Settings):
        number: int = setting(1, "A number.")
        other: int = setting(2, "Another one.")

        @model_validator(mode="after")
        def _ordered(self) -> Paired:
            if self.number >= self.other:
                raise ValueError("number must be below other")
            return self

    monkeypatch.setenv("TOOLGATE_NUMBER", "3")
    with pytest.raises(SettingsError, match=r"^number must be below other$"):
        load(Paired)


def test_rows_hold_what_the_documentation_shows() -> None:
    found = {row.name: row for row in rows(Sample)}
    assert found["TOOLGATE_NUMBER"] == Row(
        "sample", "TOOLGATE_NUMBER", ("OLD_NUMBER", "OLDER_NUMBER"), "pieces", 1, "A number."
    )
    assert found["TOOLGATE_INNER"].default == {}
    assert found["TOOLGATE_DEBUG"].aliases == ("DEBUG_MODE",)
    assert found["TOOLGATE_LOG_LEVEL"].choices == ("debug", "info", "warning", "error")
