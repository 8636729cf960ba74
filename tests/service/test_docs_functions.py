"""docs/functions.md: its examples run from top to bottom and answer what the page says."""

from .documented import assert_shows, examples, page

PAGE = page("functions.md")


def test_the_page_s_examples_run_and_answer_as_it_says(client, session):
    assert len(examples(PAGE)) > 12
    made = []
    for method, path, body, said in examples(PAGE):
        response = client.request(method, path.replace("sessions/demo", f"sessions/{session.id}"), json=body)
        assert response.is_success, f"{method} {path}: {response.text}"
        if method == "PUT" and path.startswith("/v1/functions/"):
            made.append(path)
        if said is not None:
            assert_shows(response.json(), said, f"{method} {path}")
    for path in reversed(made):
        assert client.delete(path).status_code == 204


def test_the_page_names_every_call(client):
    paths = [
        path for path in client.get("/openapi.json").json()["paths"] if path.startswith("/v1/functions/{function}/")
    ]
    assert len(paths) == 8
    for path in paths:
        assert f"| `{path.rpartition('/')[2]}` |" in PAGE, path
