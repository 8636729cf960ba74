"""Optimizers over the wire: made, used, changed, deleted."""

import math

import pytest

from .conftest import flatten, pages, problem, step
from .optimizing import STEP, TYPES, ZERO, make, nothing_changes, square, with_leaf

leaf = pytest.fixture(with_leaf)


# -- making, listing, showing, deleting -----------------------------------------------------------------------------


def test_an_optimizer_is_made_shown_listed_and_deleted(leaf):
    response = leaf.send("POST", "optimizers", {"name": "opt", "type": "SGD", "params": ["w"], "lr": 0.1})
    assert response.status_code == 201
    assert response.headers["etag"] == '"2"'
    group = {
        "params": ["w"],
        "lr": 0.1,
        "momentum": 0.0,
        "dampening": 0.0,
        "weight_decay": 0.0,
        "nesterov": False,
        "maximize": False,
        "foreach": None,
        "differentiable": False,
        "fused": None,
    }
    made = {"name": "opt", "type": "SGD", "param_groups": [group]}
    assert response.json() == {**made, "state": {}}
    assert leaf.call("GET", "optimizers/opt") == {**made, "state": {}}
    assert leaf.call("GET", "optimizers") == {"optimizers": [made], "next": None}
    assert leaf.send("DELETE", "optimizers/opt").status_code == 204
    assert leaf.call("GET", "optimizers") == {"optimizers": [], "next": None}
    assert leaf.data("w") == [1.0, -2.0]


@pytest.mark.parametrize("type", TYPES)
def test_every_type_is_made_by_request_and_by_step(leaf, type):
    by_request = make(leaf, type, lr=0.5)
    leaf.op(f"optim.{type}", ["w"], 0.5, name="other")
    by_step = leaf.call("GET", "optimizers/other")
    assert by_request == {**by_step, "name": "opt"}
    assert by_request["type"] == type
    assert by_request["param_groups"][0]["lr"] == 0.5


def test_optimizers_are_listed_in_pages_in_the_order_they_were_made(leaf):
    names = [f"o{number}" for number in range(9)]
    leaf.run(*(step("optim.SGD", ["w"], name=name) for name in names))
    listed = pages(leaf.client, f"{leaf.path}/optimizers", "optimizers", limit=2)
    assert [each["name"] for each in listed] == names
    problem(leaf.send("GET", "optimizers?cursor=x"), 422, "bad_argument")


def test_two_groups_have_options_of_their_own(leaf):
    leaf.tensor("b", 1.0, requires_grad=True, dtype="float64")
    groups = make(leaf, params=["w", {"params": ["b"], "lr": 0.25, "momentum": 0.5}], lr=0.5)["param_groups"]
    assert [(each["params"], each["lr"], each["momentum"]) for each in groups] == [
        (["w"], 0.5, 0.0),
        (["b"], 0.25, 0.5),
    ]
    leaf.run(step("mul", "w", "b", out="y"), step("sum", "y", out="loss"), step("backward", "loss"), STEP)
    assert leaf.data("w") == [0.5, -2.5]  # the gradient is b
    assert leaf.data("b") == 1.25  # the gradient is the sum of w, -1
    assert leaf.call("GET", "optimizers/opt")["state"]["1"]["momentum_buffer"]["data"] == -1.0


def test_a_group_is_added_later(leaf):
    leaf.tensor("b", 1.0, requires_grad=True)
    make(leaf, lr=0.5)
    leaf.op("optim.add_param_group", "opt", {"params": "b", "lr": 2})
    assert [each["lr"] for each in leaf.call("GET", "optimizers/opt")["param_groups"]] == [0.5, 2.0]
    with nothing_changes(leaf):
        again = leaf.send("POST", "ops/optim.add_param_group", {"optimizer": "opt", "param_group": {"params": ["b"]}})
        problem(again, 422, "bad_argument", "some parameters appear in more than one parameter group")


def test_names_are_bound_again_and_the_optimizer_keeps_its_tensors(leaf):
    make(leaf, lr=0.25)
    leaf.run(*square())
    leaf.run(step("add", "w", 0, out="kept"), step("tensor", [7.0], out="w"), STEP)
    assert leaf.data("w") == [7.0]
    assert leaf.call("GET", "optimizers/opt")["param_groups"][0]["params"] == [None]
    leaf.call("DELETE", "tensors/w")
    leaf.run(STEP)  # the tensors live on


# -- a training step ------------------------------------------------------------------------------------------------


def test_a_training_step_is_one_request(leaf):
    make(leaf, lr=0.1, momentum=0.5)
    training = [
        step("mul", "w", [[2.0, 1.0]], out="y"),
        step("square", "y", out="squares"),
        step("sum", "squares", out="loss"),
        *(step("backward", "loss"), STEP, ZERO),
    ]
    answers = [leaf.run(*training, **{"return": ["loss", "w.grad"]}) for _ in range(3)]
    assert [each["tensors"]["w.grad"] for each in answers] == [None] * 3
    # by hand: g = 2 (4 w0, w1); v = g, then g + v / 2; w -= v / 10
    w, v, losses = [1.0, -2.0], [0.0, 0.0], []
    for _ in range(3):
        losses.append(4 * w[0] ** 2 + w[1] ** 2)
        v = [8 * w[0] + v[0] / 2, 2 * w[1] + v[1] / 2]
        w = [w[0] - 0.1 * v[0], w[1] - 0.1 * v[1]]
    assert [each["tensors"]["loss"]["data"] for each in answers] == pytest.approx(losses, rel=1e-12)
    assert leaf.data("w") == pytest.approx(w, rel=1e-12)
    assert leaf.get("w")["version"] == 3


def test_adam_s_first_step_is_the_rate_against_the_sign(leaf):
    make(leaf, "Adam", lr=0.1, eps=0)
    leaf.run(*square(), STEP)
    assert leaf.data("w") == pytest.approx([0.9, -1.9], rel=1e-12)
    state = leaf.call("GET", "optimizers/opt")["state"]["0"]
    assert list(state) == ["step", "exp_avg", "exp_avg_sq"]
    assert state["step"]["data"] == 1.0
    assert state["exp_avg"]["data"] == pytest.approx([0.2, -0.4], rel=1e-12)
    assert state["exp_avg_sq"]["dtype"] == "float64"


def test_zero_grad_clears_or_fills_with_zeros(leaf):
    make(leaf)
    leaf.run(*square())
    leaf.op("optim.zero_grad", "opt", set_to_none=False)
    assert leaf.grad("w") == [0.0, 0.0]
    leaf.op("optim.zero_grad", "opt")
    assert leaf.grad("w") is None


def test_a_parameter_without_gradient_stays(leaf):
    make(leaf, "Adam")
    leaf.run(STEP)
    assert leaf.data("w") == [1.0, -2.0]
    assert leaf.get("w")["version"] == 0


def test_an_update_is_seen_by_the_version_check(leaf):
    make(leaf)
    leaf.run(step("square", "w", out="squares"), step("sum", "squares", out="loss"))
    leaf.op("backward", "loss", retain_graph=True)
    leaf.run(STEP)
    with nothing_changes(leaf):
        problem(leaf.send("POST", "backward", {"tensors": "loss"}), 409, "modified_inplace")


# -- changing options -----------------------------------------------------------------------------------------------


def test_options_are_changed_for_all_groups_or_one(leaf):
    leaf.tensor("b", 1.0, requires_grad=True)
    make(leaf, "Adam", ["w", {"params": ["b"]}])
    changed = leaf.call("PATCH", "optimizers/opt", {"lr": 0.5, "betas": [0, 0.5], "amsgrad": True})
    assert [(each["lr"], each["betas"], each["amsgrad"]) for each in changed["param_groups"]] == [
        (0.5, [0.0, 0.5], True)
    ] * 2
    changed = leaf.call("PATCH", "optimizers/opt", {"group": 1, "lr": 2})
    assert [each["lr"] for each in changed["param_groups"]] == [0.5, 2.0]
    assert leaf.call("GET", "optimizers/opt") == changed
    assert leaf.call("PATCH", "optimizers/opt", {}) == changed


def test_a_changed_rate_is_used_and_the_state_kept(leaf):
    make(leaf, lr=0.5, momentum=1.0)
    leaf.run(*square(), STEP, ZERO)  # v = (2, -4), w = (0, 0)
    leaf.call("PATCH", "optimizers/opt", {"lr": 0.25})
    leaf.run(*square(), STEP)  # g = 0, so v stays
    assert leaf.data("w") == [-0.5, 1.0]


def test_options_that_are_switched_on_later_begin_with_zeros(leaf):
    make(leaf, "RMSprop")
    leaf.run(*square(), STEP)
    leaf.call("PATCH", "optimizers/opt", {"momentum": 0.5, "centered": True})
    leaf.run(STEP)
    assert {"square_avg", "momentum_buffer", "grad_avg"} < leaf.call("GET", "optimizers/opt")["state"]["0"].keys()


# -- beside code ----------------------------------------------------------------------------------------------------

TWO_GROUPS = """Rprop (
Parameter Group 0
    capturable: False
    differentiable: False
    etas: (0.5, 1.2)
    foreach: None
    lr: 0.1
    maximize: False
    step_sizes: (1e-06, 50)

Parameter Group 1
    capturable: False
    differentiable: False
    etas: (0.5, 1.2)
    foreach: None
    lr: 0.5
    maximize: False
    step_sizes: (1e-06, 50)
)
"""  # as PyTorch prints it


def test_code_and_steps_share_optimizers(leaf):
    leaf.tensor("b", 1.0, requires_grad=True)
    code = 'import torch\nopt = torch.optim.Rprop([{"params": [w]}, {"params": [b], "lr": 0.5}], lr=0.1)\nprint(opt)'
    assert leaf.call("POST", "exec", {"code": code})["stdout"] == TWO_GROUPS
    leaf.run(*square(), STEP)
    assert leaf.data("w") == pytest.approx([0.9, -1.9])
    leaf.call("PATCH", "optimizers/opt", {"group": 1, "lr": 0.25})
    told = leaf.call("POST", "exec", {"code": 'print([each["lr"] for each in opt.param_groups])'})
    assert told["stdout"] == "[0.1, 0.25]\n"


# -- what is shown --------------------------------------------------------------------------------------------------


def test_the_catalogue_has_the_steps(client):
    names = {each["name"] for each in client.get("/v1/ops").json()["ops"]}
    assert {"optim.step", "optim.zero_grad", *(f"optim.{each}" for each in TYPES)} <= names
    adam = client.get("/v1/ops/optim.Adam").json()
    given = {each["name"]: each["default"] for each in adam["signatures"][0]["params"]}
    assert given["betas"] == [0.9, 0.999]
    assert math.isclose(given["eps"], 1e-8)


def test_shown_values_are_cut_like_those_of_tensors(session):
    inline = session.client.get("/v1/info").json()["limits"]["inline_elements"]
    session.op("ones", [inline + 1], requires_grad=True, out="w")
    make(session, momentum=0.5)
    session.run(*square(), STEP)
    assert session.call("GET", "optimizers/opt")["state"]["0"]["momentum_buffer"]["data"] is None
    shown = session.call("GET", "optimizers/opt?data=true")["state"]["0"]["momentum_buffer"]["data"]
    assert flatten(shown) == [2.0] * (inline + 1)
