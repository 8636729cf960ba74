"""The names that arguments go by: PyTorch's parser knows NumPy's too, and its documents have a few of their own."""

import pytest

import engine as torch
from engine.op import registry

X = [[1.0, 2.0], [3.0, 4.0]]


@pytest.fixture
def x():
    """[[1, 2], [3, 4]]."""
    return torch.tensor(X)


def test_axis_and_keepdims_are_dim_and_keepdim(x):
    assert torch.sum(x, axis=0).tolist() == [4.0, 6.0]
    assert x.mean(axis=1, keepdims=True).tolist() == [[1.5], [3.5]]
    assert torch.concatenate([x, x], axis=1).shape == (2, 4)
    assert torch.max(x, axis=0).indices.tolist() == [1, 1]


def test_x_a_x1_and_x2_are_the_operands(x):
    assert torch.sub(x1=x, x2=1).tolist() == [[0.0, 1.0], [2.0, 3.0]]
    assert torch.sum(a=x).item() == torch.sum(x=x).item() == 10.0


def test_axis0_and_axis1_are_what_swapaxes_exchanges(x):
    assert torch.swapaxes(x, axis0=0, axis1=1).tolist() == [[1.0, 3.0], [2.0, 4.0]]


def test_split_goes_by_the_names_of_its_documents(x):
    assert [each.tolist() for each in torch.split(tensor=x, split_size_or_sections=1)] == [[X[0]], [X[1]]]
    assert len(x.split(split_size=1, dim=1)) == 2


DOCUMENTED = [
    (lambda x: torch.hsplit(x, indices_or_sections=2)[1].tolist(), [[2.0], [4.0]]),
    (lambda x: torch.vsplit(x, indices_or_sections=[1])[0].tolist(), [X[0]]),
    (lambda x: x.view(shape=(4,)).tolist(), [1.0, 2.0, 3.0, 4.0]),
    (lambda x: torch.broadcast_to(x[0], shape=(2, 2)).tolist(), [X[0], X[0]]),
    (lambda x: torch.matrix_exp(A=x * 0).tolist(), [[1.0, 0.0], [0.0, 1.0]]),
    (lambda x: torch.searchsorted(x[0], values=torch.tensor([1.5])).tolist(), [1]),
    (lambda x: torch.nn.functional.one_hot(tensor=torch.tensor([1])).tolist(), [[0, 1]]),
]


@pytest.mark.parametrize(("call", "expected"), DOCUMENTED)
def test_names_of_the_documents_are_known_where_the_parser_has_others(x, call, expected):
    assert call(x) == expected


REFUSED = [
    lambda x: torch.sum(x, dim=0, axis=1),
    lambda x: torch.sum(x, 0, axis=1),
    lambda x: torch.cat([x], dim=0, axis=0),
    lambda x: torch.cumsum(x, 0, axis=0),
    lambda x: torch.sum(x, axes=0),
]


@pytest.mark.parametrize("call", REFUSED)
def test_an_argument_goes_by_one_name_only(x, call):
    with pytest.raises(TypeError, match=r"unexpected keyword|invalid combination|multiple values"):
        call(x)


@pytest.mark.parametrize(("shape", "dim"), [((), 0), ((3,), 0), ((2, 3), 1), ((2, 3, 2), 0), ((2, 3, 2, 2), 1)])
def test_softmax_of_nn_functional_chooses_a_dim_with_a_warning(shape, dim):
    given = torch.arange(0.0, float(max(1, torch.Size(shape).numel()))).reshape(shape)
    for name in ("softmax", "log_softmax"):
        function = getattr(torch.nn.functional, name)
        with pytest.warns(UserWarning, match=f"Implicit dimension choice for {name} has been deprecated"):
            chosen = function(given)
        assert torch.equal(chosen, function(given, dim))


def test_no_overload_hides_another() -> None:
    for name, function in registry.items():
        forms = [tuple((each.name, each.kind, each.keyword_only) for each in op.params) for op in function.ops]
        assert len(set(forms)) == len(forms), name
