"""Settings from flags and the environment, and what is said about wrong ones."""

from __future__ import annotations

import dataclasses

import pytest

from app.limits import Limits
from app.settings import Settings, SettingsError, declared, is_loopback, load


def test_defaults_are_safe() -> None:
    settings = load([], {})
    assert settings == Settings()
    assert (settings.host, settings.insecure) == ("127.0.0.1", False)


def test_a_flag_wins_over_the_environment() -> None:
    environment = {"AUTOGRAD_PORT": "1", "AUTOGRAD_TTL_S": "2.5", "AUTOGRAD_BODY_BYTES": "3"}
    settings = load(["--port", "4"], environment)
    assert (settings.port, settings.ttl_s, settings.limits.body_bytes) == (4, 2.5, 3)


@pytest.mark.parametrize("word", ["1", "true", "YES", "on"])
def test_words_for_true(word: str) -> None:
    assert load([], {"AUTOGRAD_INSECURE": word}).insecure is True


@pytest.mark.parametrize("word", ["0", "false", "No", "off"])
def test_words_for_false(word: str) -> None:
    assert load([], {"AUTOGRAD_INSECURE": word}).insecure is False


def test_lists_are_comma_separated() -> None:
    assert load(["--allowed-hosts", "a.example, B.example ,"], {}).allowed_hosts == ("a.example", "B.example")


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("PORT", "abc", "not a whole number"),
        ("PORT", "1.5", "not a whole number"),
        ("PORT", "70000", "more than 65535"),
        ("PORT", "-1", "less than 0"),
        ("TTL_S", "soon", "not a number"),
        ("TTL_S", "nan", "not a number"),
        ("TTL_S", "inf", "more than max_ttl_s"),
        ("BODY_BYTES", "0", "less than 1"),
        ("INSECURE", "perhaps", "not true or false"),
        ("LOG_LEVEL", "loud", "none of debug, info, warning, error"),
    ],
)
def test_a_wrong_value_is_refused_in_a_sentence(name: str, text: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        load([], {f"AUTOGRAD_{name}": text})


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.com"])
def test_an_address_that_others_can_reach_needs_insecure(host: str) -> None:
    with pytest.raises(SettingsError, match="--insecure"):
        load(["--host", host], {})
    assert load(["--host", host, "--insecure"], {}).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_addresses(host: str) -> None:
    assert is_loopback(host)


def test_hosts_are_the_local_names_the_address_and_the_allowed() -> None:
    settings = load(["--host", "fd00::1", "--insecure", "--allowed-hosts", "A.example"], {})
    assert settings.hosts == {"localhost", "127.0.0.1", "[::1]", "[fd00::1]", "a.example"}
    assert load(["--allowed-hosts", "*"], {}).hosts == frozenset()


def test_every_field_is_declared_once() -> None:
    fields = [f.name for owner in (Settings, Limits) for f in dataclasses.fields(owner) if f.name != "limits"]
    assert sorted(s.name for s in declared()) == sorted(fields)
    assert len(set(fields)) == len(fields)


def test_help_names_every_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        load(["--help"], {})
    text = capsys.readouterr().out
    assert [s.flag for s in declared() if s.flag not in text] == []
