"""What optimizers refuse; a request that fails changes nothing of them."""

import pytest

from .conftest import open_session, problem, step
from .optimizing import STEP, TYPES, ZERO, make, nothing_changes, square, with_leaf

leaf = pytest.fixture(with_leaf)


# -- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "code", "text"),
    [
        ({"type": "SGDD"}, "bad_argument", "type must be one of ASGD, LBFGS, SGD"),
        ({"type": None}, "bad_argument", "type must be one of"),
        ({"type": "Optimizer"}, "bad_argument", "type must be one of"),
        ({"name": "1st"}, "bad_argument", "is not a name"),
        ({"name": 5}, "bad_argument", "is not a name"),
        ({"params": []}, "bad_argument", "optimizer got an empty parameter list"),
        ({"params": ["nothing"]}, "unknown_tensor", "'nothing'"),
        ({"params": [3]}, "bad_argument", "params"),
        ({"params": [["w"]]}, "bad_argument", "params"),
        ({"params": None}, "bad_argument", "params"),
        ({"params": ["w", "w"]}, "bad_argument", "twice"),
        ({"params": ["y"]}, "bad_argument", "can't optimize a non-leaf Tensor"),
        ({"params": ["w", {"params": ["w"]}]}, "bad_argument", "some parameters appear in more than one"),
        ({"params": [{"lr": 1}]}, "bad_argument", "params"),
        ({"params": [{"params": ["w"], "speed": 1}]}, "bad_argument", "unexpected field 'speed'"),
        ({"params": [{"params": ["w"], "lr": -1}]}, "bad_argument", "Invalid learning rate: -1"),
        ({"params": [{"params": [["w"]]}]}, "bad_argument", "names of tensors"),
        ({"lr": -1}, "bad_argument", "Invalid learning rate: -1"),
        ({"lr": "0.1"}, "bad_argument", "'lr' (position 2) must be float, not str"),
        ({"lr": True}, "bad_argument", "must be float, not bool"),
        ({"lr": None}, "bad_argument", "must be float, not NoneType"),
        ({"lr": 2**70}, "bad_argument", "int64"),
        ({"momentum": -0.5}, "bad_argument", "Invalid momentum value: -0.5"),
        ({"weight_decay": -1}, "bad_argument", "Invalid weight_decay value: -1"),
        ({"nesterov": True}, "bad_argument", "Nesterov momentum requires a momentum and zero dampening"),
        ({"nesterov": 1, "momentum": 0.5}, "bad_argument", "must be bool, not int"),
        ({"differentiable": True}, "not_implemented", "differentiable"),
        ({"fused": True, "foreach": True}, "bad_argument", "`fused` and `foreach` cannot be `True` together."),
        ({"betas": [0.5, 0.5]}, "bad_argument", "unexpected field 'betas'"),
        ({"type": "Adam", "lr": "NaN"}, "bad_argument", "Invalid learning rate: nan"),
        ({"type": "Adam", "betas": [1, 0.5]}, "bad_argument", "Invalid beta parameter at index 0: 1.0"),
        ({"type": "Adam", "betas": [0.5, -1]}, "bad_argument", "Invalid beta parameter at index 1: -1.0"),
        ({"type": "Adam", "betas": [0.5]}, "bad_argument", "must be pair of floats"),
        ({"type": "Adam", "betas": 0.5}, "bad_argument", "must be pair of floats"),
        ({"type": "Adam", "eps": -1}, "bad_argument", "Invalid epsilon value: -1"),
        ({"type": "AdamW", "decoupled_weight_decay": False}, "bad_argument", "unexpected field"),
        ({"type": "RMSprop", "alpha": -1}, "bad_argument", "Invalid alpha value: -1"),
        ({"type": "RMSprop", "capturable": True}, "not_implemented", "capturable"),
        ({"type": "Adagrad", "lr_decay": -1}, "bad_argument", "Invalid lr_decay value: -1"),
        ({"type": "Adagrad", "initial_accumulator_value": -1}, "bad_argument", "Invalid initial_accumulator_value"),
        ({"type": "LBFGS", "max_iter": 1.5}, "bad_argument", "must be int, not float"),
        ({"type": "LBFGS", "history_size": 0}, "bad_argument", "Invalid history_size value: 0"),
    ],
)  # fmt: skip
def test_what_cannot_be_made_is_refused(leaf, fields, code, text):
    leaf.op("mul", "w", 2, out="y")
    body = {"name": "opt", "type": "SGD", "params": ["w"], **fields}
    with nothing_changes(leaf):
        problem(leaf.send("POST", "optimizers", body), 422, code, text)


def test_missing_fields_are_named(leaf):
    for missing in ("name", "type", "params"):
        body = {"name": "opt", "type": "SGD", "params": ["w"]}
        del body[missing]
        problem(leaf.send("POST", "optimizers", body), 422, "bad_argument", missing)


def test_a_name_that_is_taken(leaf):
    make(leaf)
    with nothing_changes(leaf):
        problem(leaf.send("POST", "optimizers", {"name": "opt", "type": "Adam", "params": ["w"]}), 409, "name_taken")
    leaf.op("optim.Adam", ["w"], name="opt")  # as a step it is an assignment
    assert leaf.call("GET", "optimizers/opt")["type"] == "Adam"
    leaf.tensor("opt", 1.0)  # tensors have names of their own


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_an_unknown_optimizer_in_the_url_is_404(leaf, method):
    problem(
        leaf.send(method, "optimizers/nobody", {} if method == "PATCH" else None), 404, "unknown_optimizer", "nobody"
    )


def test_an_unknown_optimizer_in_a_step_is_422(leaf):
    for op in ("optim.step", "optim.zero_grad", "optim.delete"):
        problem(leaf.send("POST", f"ops/{op}", {"optimizer": "nobody"}), 422, "unknown_optimizer")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"lr": -1}, "Invalid learning rate: -1"),
        ({"lr": 0.5, "momentum": -1}, "Invalid momentum value: -1"),
        ({"nesterov": True}, "Nesterov momentum requires"),
        ({"lr": []}, "lr must be float, not list"),
        ({"betas": [0.5, 0.5]}, "unexpected field 'betas'"),
        ({"params": ["w"]}, "unexpected field 'params'"),
        ({"name": "other"}, "unexpected field 'name'"),
        ({"group": 1, "lr": 1}, "group must be the number of a parameter group"),
        ({"group": -1, "lr": 1}, "group must be the number of a parameter group"),
        ({"group": "0", "lr": 1}, "must be int"),
    ],
)
def test_options_that_cannot_be_changed(leaf, body, text):
    make(leaf, lr=0.25)
    with nothing_changes(leaf):
        problem(leaf.send("PATCH", "optimizers/opt", body), 422, "bad_argument", text)


def test_a_literal_is_no_parameter(leaf):
    problem(leaf.send("POST", "ops/optim.SGD", {"params": [[1.0]], "name": "opt"}), 422, "bad_argument", "params")


def test_a_saved_function_has_no_optimizers(client):
    for steps in ([step("optim.SGD", ["x"], name="opt")], [step("optim.step", "opt")]):
        body = {"inputs": [{"name": "x"}], "steps": [*steps, step("square", "x", out="y")], "outputs": ["y"]}
        problem(client.put("/v1/functions/pure", json=body), 422, "bad_argument", "a function is pure")


# What code may do to an optimizer, and what a step says to it then.
ODD = {
    'opt.param_groups[0]["lr"] = "fast"': "lr must be a number, not str",
    'del opt.param_groups[0]["lr"]': "a parameter group has no lr",
    'opt.param_groups[0]["betas"] = (1.0, 1.0)': "float division by zero",
    "opt.param_groups.append(3)": "a parameter group must be a dict",
    'opt.param_groups[0]["params"].append("w")': "optimizer can only optimize Tensors",
    'opt.param_groups[0]["params"] = 3': "a parameter group must be a dict with a list of params",
    'opt.state_dict()["state"][0]["step"] = 3': "step of the state must be a tensor of one float",
    'opt.state_dict()["state"][0]["step"] = torch.tensor(-1.0)': "division by zero",
    'opt.state_dict()["state"][0]["exp_avg"] = 3': "exp_avg of the state must be a tensor",
    'opt.state_dict()["state"][0]["exp_avg"] = torch.ones(3)': "must match the size of tensor",
    'opt.state_dict()["state"][0]["exp_avg"] = torch.ones(2, dtype=torch.float64)': "expected dtype double",
}


@pytest.mark.parametrize("odd", ODD)
def test_what_code_has_put_into_an_optimizer_is_refused_by_a_step(session, odd):
    made = "import torch\nw = torch.tensor([1.0, 2.0], requires_grad=True)\nopt = torch.optim.Adam([w])"
    session.call("POST", "exec", {"code": f"{made}\nw.grad = torch.ones(2)\nopt.step()"})
    session.call("POST", "exec", {"code": odd})
    assert session.call("GET", "optimizers/opt")["type"] == "Adam"
    with nothing_changes(session):
        problem(session.send("POST", "ops/optim.step", {"optimizer": "opt"}), 422, None, ODD[odd])


# -- all or nothing -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("type", TYPES[1:])
def test_a_run_that_fails_after_a_step_takes_everything_back(leaf, type):
    options = {"SGD": {"momentum": 0.9}, "Adam": {"amsgrad": True}, "RMSprop": {"momentum": 0.9, "centered": True}}
    make(leaf, type, lr=0.1, **options.get(type, {}))
    doing = [
        *square(), STEP, ZERO, *square(), STEP,
        step("optim.set_options", "opt", {"lr": 9.0}),
        step("optim.SGD", ["w"], name="second"),
        step("optim.delete", "opt"),
        step("optim.Adam", ["w"], name="opt"),
        step("tensor", 1.0, requires_grad=True, out="b"),
        step("optim.add_param_group", "opt", {"params": ["b"]}),
        STEP,
    ]  # fmt: skip
    for begun in range(2):  # before the state is made, and after
        with nothing_changes(leaf):
            body = problem(leaf.send("POST", "run", {"steps": [*doing, step("no_such_op")]}), 422, "unknown_op")
            assert body["step"] == len(doing)
        if not begun:
            leaf.run(*square(), STEP)
    first = leaf.call("GET", "optimizers/opt")
    assert first["type"] == type
    leaf.run(*square(), STEP)
    assert leaf.call("GET", "optimizers/opt")["state"] != first["state"]


def test_a_failed_run_leaves_no_optimizer_and_its_place_in_lists_is_free(leaf):
    with nothing_changes(leaf):
        steps = [step("optim.SGD", ["w"], name="opt"), step("no_such_op")]
        problem(leaf.send("POST", "run", {"steps": steps}), 422)
    problem(leaf.send("GET", "optimizers/opt"), 404, "unknown_optimizer")
    make(leaf)


def test_a_condition_and_a_retry_hold_for_optimizers_too(leaf):
    body = {"name": "opt", "type": "SGD", "params": ["w"]}
    problem(leaf.send("POST", "optimizers", body, headers={"if-match": '"7"'}), 412)
    first = leaf.send("POST", "optimizers", body, headers={"idempotency-key": "once"})
    again = leaf.send("POST", "optimizers", body, headers={"idempotency-key": "once"})
    assert (first.status_code, first.json()) == (again.status_code, again.json()) == (201, first.json())


# -- memory ---------------------------------------------------------------------------------------------------------


def test_state_counts_into_the_bytes_of_the_session_and_goes_with_the_optimizer(session):
    size = 8 * 100_000
    session.op("zeros", [100_000], dtype="float64", requires_grad=True, out="w")
    make(session, "Adam")
    session.run(*square())
    session.run(STEP, step("del", ["squares", "loss"]))
    before = session.call("GET")["bytes"]
    assert before == pytest.approx(4 * size, rel=0.01)  # the values, the gradient, two averages
    session.call("DELETE", "tensors/w")
    assert session.call("GET")["bytes"] == pytest.approx(4 * size, rel=0.01)  # the optimizer holds it
    session.call("DELETE", "optimizers/opt")
    assert session.call("GET")["bytes"] == 0


def test_state_over_the_session_s_limit_is_refused_before_it_is_made(session):
    third = session.client.get("/v1/info").json()["limits"]["session_bytes"] * 35 // 100 // 8
    for name in ("w", "other"):  # zeros, of which no page is touched
        session.op("zeros", [third], dtype="float64", requires_grad=True, out=name)
    before = session.call("GET")
    body = {"name": "opt", "type": "Adagrad", "params": ["w"]}
    problem(session.send("POST", "optimizers", body), 413, "too_large", "optim.step()")
    after = session.call("GET")
    assert (after["bytes"], after["version"]) == (before["bytes"], before["version"])


def test_there_are_limits_for_optimizers(client):
    with open_session(client) as session:
        session.tensor("w", 1.0, requires_grad=True)
        most = client.get("/v1/info").json()["limits"]["optimizers"]
        session.run(*(step("optim.SGD", ["w"], name=f"o{number}") for number in range(most)))
        problem(session.send("POST", "optimizers", {"name": "one", "type": "SGD", "params": ["w"]}), 413, "too_large")
