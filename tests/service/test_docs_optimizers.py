"""docs/optimizers.md: its examples run from top to bottom and answer what the page says."""

from .documented import assert_shows, examples, page

PAGE = page("optimizers.md")


def test_the_page_s_examples_run_and_answer_as_it_says(session):
    assert len(examples(PAGE)) > 10
    for method, path, body, said in examples(PAGE):
        prefix = "/v1/sessions/demo/"
        assert path.startswith(prefix)
        response = session.send(method, path.removeprefix(prefix), body)
        assert response.is_success, f"{method} {path}: {response.text}"
        if said is not None:
            assert_shows(response.json(), said, f"{method} {path}")


def test_the_page_names_every_type_and_every_step(client):
    steps = [each["name"] for each in client.get("/v1/ops").json()["ops"] if each["name"].startswith("optim.")]
    assert len(steps) > 10
    for name in steps:
        assert f"`{name}`" in PAGE or f"`{name.removeprefix('optim.')}`" in PAGE, name
