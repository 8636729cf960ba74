"""Request bodies compressed by gzip: read as if they were not, and bounded by what they unpack to."""

import gzip
import io
import json
import zlib

import numpy as np
import pytest

from .conftest import problem, unchanged

GZIP = {"content-type": "application/json", "content-encoding": "gzip"}
ADD = {"args": [1, 2]}


def packed(body) -> bytes:
    return gzip.compress(json.dumps(body).encode())


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "x-gzip"])
def test_a_compressed_body_is_read(session, coding):
    headers = {**GZIP, "content-encoding": coding}
    answer = session.send("POST", "ops/add", content=packed(ADD), headers=headers)
    assert answer.json()["result"]["data"] == 3


def test_every_kind_of_body_may_be_compressed(client, session):
    made = client.post("/v1/sessions", content=packed({"dtype": "float64"}), headers=GZIP)
    assert (made.status_code, made.json()["dtype"]) == (201, "float64")
    client.delete(made.headers["location"])
    file = io.BytesIO()
    np.save(file, np.array([1.0, 2.0]))
    headers = {**GZIP, "content-type": "application/x-npy"}
    assert session.send("PUT", "tensors/x", content=gzip.compress(file.getvalue()), headers=headers).status_code == 201
    assert session.data("x") == [1.0, 2.0]
    path = "/v1/functions/compressed"
    saved = client.put(path, content=packed({"source": "def double(x):\n    return 2 * x"}), headers=GZIP)
    assert saved.status_code == 201
    assert (
        client.post(f"{path}/call", content=packed({"args": [4.0]}), headers=GZIP).json()["outputs"][0]["data"] == 8.0
    )
    client.delete(path)


def test_the_same_key_and_body_compressed_or_not_are_one_call(session):
    key = {"idempotency-key": "once"}
    plain = session.send(
        "POST", "ops/add", content=json.dumps(ADD), headers={**key, "content-type": "application/json"}
    )
    again = session.send("POST", "ops/add", content=packed(ADD), headers={**GZIP, **key})
    assert again.content == plain.content


def test_what_is_not_gzip_is_400_and_changes_nothing(session):
    whole = packed(ADD)
    for content in (
        json.dumps(ADD).encode(),
        zlib.compress(b"{}"),
        whole[:-1],
        whole[:-9],
        whole + b"{}",
        whole * 2,
        b"x",
    ):
        with unchanged(session):
            problem(session.send("POST", "ops/add", content=content, headers=GZIP), 400, "bad_binary")
    problem(session.send("POST", "ops/add", content=gzip.compress(b"{"), headers=GZIP), 400, "not_json")


def test_other_codings_are_415_and_told_which_one_is_understood(session):
    for coding in ("br", "deflate", "gzip, gzip", "compress"):
        headers = {**GZIP, "content-encoding": coding}
        with unchanged(session):
            refused = session.send("POST", "ops/add", content=packed(ADD), headers=headers)
            problem(refused, 415, "unsupported_media_type")
            assert refused.headers["accept-encoding"] == "gzip"


def test_the_limit_is_on_what_a_body_unpacks_to(client, session):
    limit = client.get("/v1/info").json()["limits"]["body_bytes"]
    bomb = gzip.compress(b" " * (limit + 1))
    assert len(bomb) < limit // 100
    with unchanged(session):
        problem(session.send("POST", "run", content=bomb, headers=GZIP), 413, "too_large")
    small = gzip.compress(b'{"seed": 1}' + b" " * 1_000_000)
    problem(client.post("/v1/sessions", content=small, headers=GZIP), 413, "too_large")
