"""Problems: one table of statuses, one form, nothing of the inside."""

from __future__ import annotations

import http
import json

import pytest

from app.problems import KINDS, MAX_DETAIL, MAX_ERRORS, Problem, problem_of
from engine import errors


def document(problem: Problem) -> dict[str, object]:
    made: dict[str, object] = json.loads(problem.render("/v1/sessions/s"))
    return made


def test_every_code_of_the_engine_has_a_status() -> None:
    assert set(errors.CODES) - KINDS.keys() == set()


def test_statuses_are_errors_of_http_and_texts_are_there() -> None:
    for kind in KINDS.values():
        assert http.HTTPStatus(kind.status) >= 400
        assert kind.title
        assert kind.advice


def test_a_problem_has_the_members_of_rfc_9457_and_a_code() -> None:
    assert document(Problem("unknown_op", "no op nonsense", status=422, op="nonsense", step=3)) == {
        "type": "/docs/errors#unknown_op",
        "title": "Unknown op",
        "status": 422,
        "detail": "no op nonsense",
        "instance": "/v1/sessions/s",
        "code": "unknown_op",
        "op": "nonsense",
        "step": 3,
    }


def test_members_that_do_not_apply_are_left_out() -> None:
    assert document(Problem("busy", "")).keys() == {"type", "title", "status", "detail", "instance", "code"}


def test_an_exception_of_the_engine_keeps_its_code_and_text() -> None:
    problem = problem_of(errors.broadcast_mismatch((2,), (3,)), op="add", step=1)
    assert (problem.code, problem.status, problem.op, problem.step) == ("shape_mismatch", 422, "add", 1)
    assert problem.detail.startswith("The size of tensor a (2) must match")


def test_a_problem_keeps_the_op_it_has() -> None:
    assert problem_of(Problem("bad_argument", "", op="add", step=2), op="run", step=7).op == "add"


def test_a_key_error_of_the_engine_is_not_quoted() -> None:
    assert problem_of(errors.coded(KeyError, "bad_argument", "no such thing")).detail == "KeyError: no such thing"


@pytest.mark.parametrize("error", [ValueError("secret /etc/passwd"), KeyError("x"), RecursionError("deep")])
def test_anything_else_is_an_internal_error_that_tells_nothing(error: Exception) -> None:
    problem = problem_of(error)
    assert (problem.status, problem.code, problem.detail) == (500, "internal", "internal error")
    assert problem.__cause__ is error
    assert b"secret" not in problem.render("/")


def test_running_out_of_memory_is_too_large() -> None:
    assert problem_of(MemoryError()).status == 413


def test_long_texts_and_lists_are_cut() -> None:
    wrong = [{"field": str(n), "message": "bad"} for n in range(1000)]
    made = Problem("bad_argument", "x" * 100_000, errors=wrong).render("/" + "y" * 100_000)
    cut = json.loads(made)
    assert len(cut["errors"]) == MAX_ERRORS
    assert len(cut["detail"]) == len(cut["instance"]) == MAX_DETAIL


def test_any_text_renders_as_valid_json() -> None:
    assert json.loads(Problem("not_json", 'a "\ud800" \n ü').render("/\ud800"))["detail"] == 'a "\ud800" \n ü'


@pytest.mark.parametrize("code", ["rate_limited", "unavailable"])
def test_a_refusal_for_now_says_when_to_retry(code: str) -> None:
    assert int(Problem(code, "").headers["Retry-After"]) > 0
