"""One step at a time: arguments, names, results, views and in-place. Values are PyTorch's."""

import base64
import struct

import pytest

from .conftest import flatten, float32, problem, step, unchanged

X = [[1.0, 2.0], [3.0, 4.0]]


@pytest.fixture
def x(session):
    """The session, with x = [[1, 2], [3, 4]] that requires grad, v = [0.5, 2] and i = [1, 2] of int64."""
    session.tensor("x", X, requires_grad=True)
    session.tensor("v", [0.5, 2.0])
    session.tensor("i", [1, 2])
    return session


THREE_WAYS = [
    (
        "add",
        {"input": "x", "other": "v", "alpha": 2},
        {"args": ["x", "v"], "alpha": 2},
        {"args": ["x"], "other": "v", "alpha": 2},
    ),
    ("sum", {"input": "x", "dim": 0, "keepdim": True}, {"args": ["x", 0, True]}, {"args": ["x", 0], "keepdim": True}),
    ("softmax", {"input": "x", "dim": 1}, {"args": ["x", 1]}, {"args": ["x"], "dim": 1}),
    ("transpose", {"input": "x", "dim0": 0, "dim1": 1}, {"args": ["x", 0, 1]}, {"args": ["x", 0], "dim1": 1}),
    ("reshape", {"input": "x", "shape": [4]}, {"args": ["x", [4]]}, {"args": ["x"], "shape": [4]}),
    ("where", {"condition": "c", "input": "x", "other": 0}, {"args": ["c", "x", 0]}, {"args": ["c", "x"], "other": 0}),
    ("clamp", {"input": "x", "min": 2, "max": 3}, {"args": ["x", 2, 3]}, {"args": ["x"], "min": 2, "max": 3}),
    ("linalg.solve", {"A": "x", "B": "v"}, {"args": ["x", "v"]}, {"args": ["x"], "B": "v"}),
]


@pytest.mark.parametrize(("op", "named", "positional", "mixed"), THREE_WAYS)
def test_arguments_go_by_name_by_position_or_mixed(x, op, named, positional, mixed):
    x.tensor("c", [[True, False], [False, True]])
    results = [x.call("POST", f"ops/{op}", {**body, "out": "r"}) for body in (named, positional, mixed)]
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize(
    ("op", "other", "values"),
    [
        ("linalg.eigvalsh", {}, [1.0, 2.0]),
        ("linalg.solve", {"B": [2.0, 4.0]}, [1.0, 4.0]),
        ("linalg.matrix_power", {"n": 2}, [4.0, 0.0, 0.0, 1.0]),
    ],
)
def test_an_op_on_a_matrix_takes_it_as_input_too(x, op, other, values):
    assert flatten(x.op(op, input=[[2.0, 0.0], [0.0, 1.0]], **other)["data"]) == pytest.approx(values)
    with unchanged(x):
        problem(x.send("POST", f"ops/{op}", {"input": "x", "A": "x", **other}), 422, "bad_argument")


SPREAD = [
    ("permute", [["x", 1, 0], ["x", [1, 0]]], [[1.0, 3.0], [2.0, 4.0]]),
    ("reshape", [["x", 1, 4], ["x", [1, 4]]], [[1.0, 2.0, 3.0, 4.0]]),
    ("expand", [["v", 2, 2], ["v", [2, 2]]], [[0.5, 2.0], [0.5, 2.0]]),
    ("repeat", [["i", 2, 1], ["i", [2, 1]]], [[1, 2], [1, 2]]),
    ("zeros", [[1, 2], [[1, 2]]], [[0.0, 0.0]]),
    ("einsum", [["ij,j->i", "x", "v"], ["ij,j->i", ["x", "v"]]], [4.5, 9.5]),
]


@pytest.mark.parametrize(("op", "ways", "values"), SPREAD)
def test_where_pytorch_takes_star_args_a_list_or_spread_arguments_will_do(x, op, ways, values):
    assert [x.op(op, *args, out=None)["data"] for args in ways] == [values, values]


F32 = base64.b64encode(struct.pack("<2f", 0.5, 2)).decode()
OPERANDS = [
    (2, "float32", [[3.0, 4.0], [5.0, 6.0]]),
    (2.5, "float32", [[3.5, 4.5], [5.5, 6.5]]),
    (True, "float32", [[2.0, 3.0], [4.0, 5.0]]),
    ("v", "float32", [[1.5, 4.0], [3.5, 6.0]]),
    ("x.grad", "float32", [[2.0, 3.0], [4.0, 5.0]]),
    ([1, 2], "float32", [[2.0, 4.0], [4.0, 6.0]]),
    ([0.5, 2.0], "float32", [[1.5, 4.0], [3.5, 6.0]]),
    ([[1], [2]], "float32", [[2.0, 3.0], [5.0, 6.0]]),
    ({"data": [0.5, 2.0], "dtype": "float64"}, "float64", [[1.5, 4.0], [3.5, 6.0]]),
    ({"data": [1, 2, 3, 4], "shape": [2, 2], "dtype": "float32"}, "float32", [[2.0, 4.0], [6.0, 8.0]]),
    ({"data": 1}, "float32", [[2.0, 3.0], [4.0, 5.0]]),
    ({"b64": F32, "shape": [2], "dtype": "float32"}, "float32", [[1.5, 4.0], [3.5, 6.0]]),
    ({"complex": [0, 1]}, "complex64", [[[1.0, 1.0], [2.0, 1.0]], [[3.0, 1.0], [4.0, 1.0]]]),
    ("Infinity", "float32", [["Infinity"] * 2] * 2),
    ("-Infinity", "float32", [["-Infinity"] * 2] * 2),
    ("NaN", "float32", [["NaN"] * 2] * 2),
]


@pytest.mark.parametrize(("other", "dtype", "values"), OPERANDS)
def test_every_form_of_a_tensor_argument(x, other, dtype, values):
    x.op("sum", "x", out="s")
    x.backward("s")
    result = x.op("add", input="x", other=other)
    assert (result["dtype"], result["data"], result["grad_fn"]) == (dtype, values, "AddBackward0")


COMPLEX = {"complex": [3, -4]}


@pytest.mark.parametrize(("op", "dtype", "value"), [("abs", "float32", 5.0), ("conj", "complex64", [3.0, 4.0])])
def test_a_complex_scalar_alone_is_a_tensor(session, op, dtype, value):
    result = session.op(op, input=COMPLEX)
    assert (result["shape"], result["dtype"], result["data"]) == ([], dtype, value)
    assert session.value("item", input=COMPLEX) == [3.0, -4.0]


PROMOTION = [
    ("mul", "i", 2, "int64"),
    ("mul", "i", 2.5, "float32"),
    ("mul", "i", True, "int64"),
    ("mul", "i", {"complex": [0, 1]}, "complex64"),
    ("mul", "d", 2.5, "float64"),
    ("mul", "d", {"complex": [0, 1]}, "complex128"),
    ("mul", "v", "d", "float64"),
    ("mul", "i", "v", "float32"),
    ("mul", "h", 2.5, "float16"),
    ("mul", "h", "v", "float32"),
    ("div", "i", 2, "float32"),
    ("add", 1, 2, "int64"),
    ("add", 1, 2.5, "float32"),
    ("mul", True, True, "bool"),
    ("eq", "i", 1, "bool"),
]


@pytest.mark.parametrize(("op", "left", "right", "dtype"), PROMOTION)
def test_scalars_promote_weakly_and_tensors_promote_as_in_pytorch(x, op, left, right, dtype):
    x.tensor("d", [1.0, 2.0], dtype="float64")
    x.tensor("h", [1.0, 2.0], dtype="float16")
    assert x.op(op, left, right)["dtype"] == dtype


OTHER_NAMES = [
    ("sum", {"input": "x", "axis": 0, "keepdims": True}, [[4.0, 6.0]]),
    ("mean", {"x": "x"}, 2.5),
    ("sub", {"x1": "x", "x2": 1}, [[0.0, 1.0], [2.0, 3.0]]),
    ("swapaxes", {"input": "x", "axis0": 0, "axis1": 1}, [[1.0, 3.0], [2.0, 4.0]]),
    ("linalg.inv", {"input": [[2.0, 0.0], [0.0, 4.0]]}, [[0.5, 0.0], [0.0, 0.25]]),
    ("isin", {"elements": "x", "test_element": 2}, [[False, True], [False, False]]),
    ("view", {"input": "v", "shape": [2, 1]}, [[0.5], [2.0]]),
    (
        "scatter_reduce",
        {"input": "v", "dim": 0, "index": [0, 0], "src": [3, 4.0], "reduce": "sum", "include_self": False},
        [7.0, 2.0],
    ),
]


@pytest.mark.parametrize(("op", "body", "data"), OTHER_NAMES)
def test_arguments_go_by_all_names_that_pytorch_and_its_documents_have_for_them(x, op, body, data):
    assert x.op(op, **body)["data"] == data


def test_several_results_go_by_documented_names_too(x):
    assert [each["data"] for each in x.op("split", tensor="v", split_size_or_sections=1)] == [[0.5], [2.0]]
    assert [each["data"] for each in x.op("hsplit", input="x", indices_or_sections=[1])] == [
        [[1.0], [3.0]],
        [[2.0], [4.0]],
    ]


def test_an_argument_goes_by_one_name_only(x):
    for body in ({"dim": 0, "axis": 0}, {"axis": 0, "x": "x"}):
        problem(x.send("POST", "ops/cumsum", {"input": "x", **body}), 422, "bad_argument", "unexpected keyword")


def test_null_among_index_tensors_stands_for_a_whole_dim(x):
    put = x.op("index_put", input="x", indices=[None, [1]], values={"data": [[7.0], [8.0]]}, out="p")
    assert (put["data"], put["grad_fn"]) == ([[1.0, 7.0], [3.0, 8.0]], "IndexPutBackward0")
    x.op("sum", input="p", out="s")
    assert x.backward("s")["x"]["data"] == [[1.0, 0.0], [1.0, 0.0]]
    x.op("zeros", size=[2, 2], out="z")
    assert x.op("index_put_", input="z", indices=[[1], None], values=5.0)["data"] == [[0.0, 0.0], [5.0, 5.0]]
    for indices in ([None, None], [None, None, [0]]):
        body = {"input": "z", "indices": indices, "values": 1.0}
        problem(x.send("POST", "ops/index_put", body), 422, "bad_argument")


def test_null_is_none_where_pytorch_takes_none(x):
    assert x.op("clamp", input="x", min=None, max=2)["data"] == [[1.0, 2.0], [2.0, 2.0]]
    assert x.op("sum", input="x", dim=None)["data"] == 10.0


def test_a_number_may_stand_on_the_left(x):
    assert x.op("sub", 3, "x")["data"] == [[2.0, 1.0], [0.0, -1.0]]
    assert x.op("pow", 2, "x")["grad_fn"] == "PowBackward2"


def test_an_op_given_numbers_only_answers_a_0_d_tensor(x):
    result = x.op("add", 1, 2)
    assert (result["shape"], result["data"], result["dtype"]) == ([], 3, "int64")


NUMBERS = [
    ("exp", 0, 1.0, "float32"),
    ("neg", 2, -2, "int64"),
    ("sum", 2.5, 2.5, "float32"),
    ("sqrt", 4.0, 2.0, "float32"),
    ("relu", -1.5, 0.0, "float32"),
    ("logical_not", True, False, "bool"),
    ("getitem", 3, 3, "int64"),
    ("detach", 1.5, 1.5, "float32"),
]


@pytest.mark.parametrize(("op", "number", "data", "dtype"), NUMBERS)
def test_a_number_stands_for_a_0_d_tensor_where_pytorch_takes_none(x, op, number, data, dtype):
    result = x.op(op, input=number, **({"index": []} if op == "getitem" else {}))
    assert (result["shape"], result["data"], result["dtype"]) == ([], data, dtype)


def test_values_are_told_as_python_has_them(x):
    assert x.value("tolist", "x") == X
    assert x.value("tolist", {"data": [0.1], "dtype": "float32"}) == [0.10000000149011612]
    assert x.value("tolist", {"data": ["NaN", 2.5], "dtype": "bfloat16"}) == ["NaN", 2.5]
    assert x.value("tolist", {"data": [[1, -2]], "dtype": "complex64"}) == [[1.0, -2.0]]
    assert x.value("tolist", True) is True


def test_values_are_told_as_they_are_at_their_step(x):
    answer = x.run(step("tolist", "i"), step("add_", "i", 1), step("tolist", "i"))
    assert answer["values"] == {"0": [1, 2], "2": [2, 3]}


def test_attributes_of_numbers_are_those_of_0_d_tensors(x):
    assert x.value("ndim", 3) == 0
    assert x.value("shape", 3.5) == []
    assert x.value("dtype", 3) == "int64"


def test_lists_of_tensor_arguments_mix_names_and_literals(x):
    assert x.op("cat", tensors=["x", [[5, 6]]], dim=0)["data"] == [*X, [5.0, 6.0]]
    assert x.op("stack", tensors=["v", {"data": [3.0, 4.0]}, "i"])["data"] == [[0.5, 2.0], [3.0, 4.0], [1.0, 2.0]]


DTYPE_FORMS = [
    ("to", {"input": "x", "dtype": "float64"}, "float64"),
    ("to", {"args": ["x", "float64"]}, "float64"),
    ("to", {"args": ["x", "torch.float64"]}, "float64"),
    ("to", {"args": ["i", "float16"]}, "float16"),
    ("ones", {"size": [2], "dtype": "torch.int64"}, "int64"),
    ("sum", {"input": "i", "dtype": "float64"}, "float64"),
    ("zeros_like", {"input": "x", "dtype": "bool"}, "bool"),
    ("double", {"input": "x"}, "float64"),
    ("float", {"input": "i"}, "float32"),
    ("long", {"input": "x"}, "int64"),
]


@pytest.mark.parametrize(("op", "body", "dtype"), DTYPE_FORMS)
def test_where_pytorch_takes_a_dtype_a_string_is_one_even_if_a_tensor_has_that_name(x, op, body, dtype):
    x.tensor("float64", [1])
    assert x.call("POST", f"ops/{op}", body)["result"]["dtype"] == dtype


def test_to_takes_a_tensor_whose_name_is_no_dtype_or_device(x):
    x.tensor("d", [1.0], dtype="float64")
    assert x.op("to", "x", "d")["dtype"] == "float64"


@pytest.mark.parametrize("reduction", ["sum", "mean", "none"])
def test_where_pytorch_takes_text_a_string_is_text(x, reduction):
    x.tensor(reduction, 1.0)
    result = x.op("nn.functional.mse_loss", input="v", target=[1.5, 0.0], reduction=reduction)
    assert result["data"] == {"sum": 5.0, "mean": 2.5, "none": [1.0, 4.0]}[reduction]


@pytest.mark.parametrize("memory_format", ["contiguous_format", "torch.contiguous_format"])
def test_an_enum_goes_with_or_without_its_prefix(x, memory_format):
    assert x.op("clone", input="x", memory_format=memory_format)["data"] == X


FACTORIES = [
    ("zeros", {"size": [2]}, "float32", [0.0, 0.0]),
    ("ones", {"size": [1, 2], "dtype": "int64"}, "int64", [[1, 1]]),
    ("full", {"size": [2], "fill_value": 7}, "int64", [7, 7]),
    ("full", {"size": [2], "fill_value": "Infinity"}, "float32", ["Infinity", "Infinity"]),
    ("arange", {"end": 3}, "int64", [0, 1, 2]),
    ("arange", {"start": 1, "end": 2, "step": 0.5}, "float32", [1.0, 1.5]),
    ("linspace", {"start": 0, "end": 1, "steps": 3}, "float32", [0.0, 0.5, 1.0]),
    ("eye", {"n": 2}, "float32", [[1.0, 0.0], [0.0, 1.0]]),
    ("ones_like", {"input": "i"}, "int64", [1, 1]),
    ("full_like", {"input": "v", "fill_value": 3}, "float32", [3.0, 3.0]),
    ("tensor", {"data": [1, 2], "dtype": "float64"}, "float64", [1.0, 2.0]),
]


@pytest.mark.parametrize(("op", "body", "dtype", "values"), FACTORIES)
def test_factories(x, op, body, dtype, values):
    result = x.call("POST", f"ops/{op}", body)["result"]
    assert (result["dtype"], result["data"], result["is_leaf"], result["requires_grad"]) == (dtype, values, True, False)


@pytest.mark.parametrize("op", ["zeros", "ones", "randn", "rand"])
def test_a_factory_can_make_a_leaf_that_requires_grad(session, op):
    made = session.op(op, size=[2], dtype="float64", device="cpu", requires_grad=True, out="w")
    assert (made["name"], made["dtype"], made["requires_grad"], made["is_leaf"]) == ("w", "float64", True, True)


KEPT_ORDERS = [
    ("add", ["x", 2, "x"], [[3.0, 6.0], [9.0, 12.0]]),
    ("add", ["x", 2, 3], [[7.0, 8.0], [9.0, 10.0]]),
    ("subtract", ["x", 2, 0.5], [[0.0, 1.0], [2.0, 3.0]]),
    ("addcmul", ["x", 2, "v", "v"], [[1.5, 10.0], [3.5, 12.0]]),
]


@pytest.mark.parametrize(("op", "args", "data"), KEPT_ORDERS)
def test_orders_of_arguments_that_pytorch_has_kept(x, op, args, data):
    assert x.op(op, *args)["data"] == data


SPACINGS = [
    (2, [1.0, 1.0, 1.0]),
    ([0.5], [4.0, 4.0, 4.0]),
    (["c"], [2.0, 1.7, 0.5]),
    ([[0.0, 1.0, 5.0]], [2.0, 1.7, 0.5]),
]


@pytest.mark.parametrize(("spacing", "data"), SPACINGS)
def test_a_gradient_takes_distances_or_coordinates(x, spacing, data):
    x.tensor("samples", [1.0, 3.0, 5.0])
    x.tensor("c", [0.0, 1.0, 5.0])
    (made,) = x.op("gradient", "samples", spacing=spacing, dim=[0])
    assert made["data"] == pytest.approx(data)


RECORDED = [
    ("add", ["x", 1], "AddBackward0", [[2.0, 3.0], [4.0, 5.0]]),
    ("sub", ["x", 1], "SubBackward0", [[0.0, 1.0], [2.0, 3.0]]),
    ("mul", ["x", "v"], "MulBackward0", [[0.5, 4.0], [1.5, 8.0]]),
    ("div", ["x", 2], "DivBackward0", [[0.5, 1.0], [1.5, 2.0]]),
    ("pow", ["x", 2], "PowBackward0", [[1.0, 4.0], [9.0, 16.0]]),
    ("pow", ["x", "x"], "PowBackward1", [[1.0, 4.0], [27.0, 256.0]]),
    ("pow", [2, "x"], "PowBackward2", [[2.0, 4.0], [8.0, 16.0]]),
    ("neg", ["x"], "NegBackward0", [[-1.0, -2.0], [-3.0, -4.0]]),
    ("exp", ["x"], "ExpBackward0", [[2.7182817459, 7.3890562057], [20.0855369567, 54.5981483459]]),
    ("sum", ["x"], "SumBackward0", 10.0),
    ("sum", ["x", 0], "SumBackward1", [4.0, 6.0]),
    ("mean", ["x"], "MeanBackward0", 2.5),
    ("mean", ["x", 0], "MeanBackward1", [2.0, 3.0]),
    ("max", ["x"], "MaxBackward1", 4.0),
    ("norm", ["x"], "LinalgVectorNormBackward0", 5.4772257804),
    ("t", ["x"], "TBackward0", [[1.0, 3.0], [2.0, 4.0]]),
    ("T", ["x"], "PermuteBackward0", [[1.0, 3.0], [2.0, 4.0]]),
    ("mT", ["x"], "TransposeBackward0", [[1.0, 3.0], [2.0, 4.0]]),
    ("matmul", ["x", "x"], "MmBackward0", [[7.0, 10.0], [15.0, 22.0]]),
    ("matmul", ["x", "v"], "MvBackward0", [4.5, 9.5]),
    ("clamp", ["x", 0, 2], "ClampBackward1", [[1.0, 2.0], [2.0, 2.0]]),
    ("nn.functional.softmax", ["x", 0], "SoftmaxBackward0", [[0.1192029193] * 2, [0.8807970285] * 2]),
    ("linalg.det", ["x"], "LinalgDetBackward0", -2.0),
    ("clone", ["x"], "CloneBackward0", X),
    ("double", ["x"], "ToCopyBackward0", X),
]


@pytest.mark.parametrize(("op", "args", "grad_fn", "values"), RECORDED)
def test_values_and_grad_fn_are_those_pytorch_recorded(x, op, args, grad_fn, values):
    result = x.op(op, *args)
    assert result["grad_fn"] == grad_fn
    assert flatten(result["data"]) == pytest.approx(flatten(values), rel=1e-6)


SIZES = [
    ("nn.functional.adaptive_avg_pool2d", {"output_size": 1}, [[2.5]]),
    ("nn.functional.adaptive_avg_pool2d", {"output_size": [1, None]}, [[2.0, 3.0]]),
    ("nn.functional.interpolate", {"scale_factor": 1.5}, [[1.0, 1.0, 2.0], [1.0, 1.0, 2.0], [3.0, 3.0, 4.0]]),
    ("nn.functional.interpolate", {"scale_factor": [0.5, 1]}, [[1.0, 2.0]]),
    ("nn.functional.interpolate", {"size": [1, 2]}, [[1.0, 2.0]]),
    ("nn.functional.unfold", {"kernel_size": 2}, [1.0, 2.0, 3.0, 4.0]),
    ("nn.functional.unfold", {"kernel_size": [1, 2], "dilation": 1}, [[1.0, 3.0], [2.0, 4.0]]),
]


@pytest.mark.parametrize(("op", "settings", "values"), SIZES)
def test_sizes_and_factors_are_a_number_or_a_list(x, op, settings, values):
    x.tensor("image", [[X]])
    assert flatten(x.op(op, input="image", **settings)["data"]) == flatten(values)


@pytest.mark.parametrize("factor", ["NaN", "Infinity", "x", {}, [[2]], {"complex": [1, 2]}])
def test_what_is_no_factor_is_refused(x, factor):
    x.tensor("image", [[X]])
    with unchanged(x):
        problem(x.send("POST", "ops/nn.functional.interpolate", {"input": "image", "scale_factor": factor}), 422)


@pytest.mark.parametrize(("order", "length"), [("Infinity", 4.0), ("-Infinity", 1.0), ("fro", 30**0.5), (1, 10.0)])
def test_an_order_that_is_not_finite_is_a_number_and_no_name(x, order, length):
    assert x.op("norm", [[1.0, -2.0], [3.0, -4.0]], order)["data"] == pytest.approx(length)


SEVERAL = [
    ("max", {"input": "x", "dim": 0}, [[3.0, 4.0], [1, 1]]),
    ("sort", {"input": "x", "dim": 1, "descending": True}, [[[2.0, 1.0], [4.0, 3.0]], [[1, 0], [1, 0]]]),
    ("split", {"args": ["x", 1]}, [[[1.0, 2.0]], [[3.0, 4.0]]]),
    ("unbind", {"input": "x"}, [[1.0, 2.0], [3.0, 4.0]]),
    ("chunk", {"input": "x", "chunks": 1}, [X]),
]


@pytest.mark.parametrize(("op", "body", "values"), SEVERAL)
def test_an_op_with_several_outputs_answers_results(x, op, body, values):
    answer = x.call("POST", f"ops/{op}", body)
    assert [r["data"] for r in answer["results"]] == values
    assert [r["name"] for r in answer["results"]] == [f"t{n}" for n in range(len(values))]


def test_several_outputs_are_named_by_a_list_and_null_drops_one(x):
    assert [r["name"] for r in x.op("max", "x", 0, out=["values", "indices"])] == ["values", "indices"]
    assert [r["name"] for r in x.op("max", "x", 0, out=[None, "where"])] == [None, "where"]
    assert x.names() == ["i", "indices", "v", "values", "where", "x"]
    assert (x.get("values")["grad_fn"], x.get("indices")["dtype"]) == ("MaxBackward0", "int64")


def test_one_name_will_do_where_a_list_of_results_has_one(x):
    assert [r["name"] for r in x.op("chunk", input="x", chunks=1, out="r")] == ["r"]


@pytest.mark.parametrize("out", ["r", ["r"], ["a", "b", "c"], ["a", "1b"], ["a", 5], [["a"], "b"], {"values": "a"}])
def test_out_must_name_as_many_results_as_there_are(x, out):
    with unchanged(x):
        problem(x.send("POST", "ops/max", {"args": ["x", 0], "out": out}), 422)


@pytest.mark.parametrize("out", ["1r", "", "a b", "x.grad", "NaN", 5, True, ["a", "b"], {}])
def test_out_must_be_a_name(x, out):
    with unchanged(x):
        problem(x.send("POST", "ops/add", {"args": ["x", 1], "out": out}), 422)


def test_out_names_rebinds_or_drops_the_result(x):
    assert x.op("add", "v", 1)["name"] == "t0"
    assert x.op("add", "v", 1, out="v")["name"] == "v"
    assert x.data("v") == [1.5, 3.0]
    assert x.op("add", "v", 1, out=None)["name"] is None
    assert x.op("add", "v", 1)["name"] == "t1"
    assert x.names() == ["i", "t0", "t1", "v", "x"]


VALUES = [
    ("item", {"input": [2.5]}, 2.5),
    ("item", {"input": ["NaN"]}, "NaN"),
    ("item", {"input": [True]}, True),
    ("numel", {"input": "x"}, 4),
    ("equal", {"input": "x", "other": "x"}, True),
    ("equal", {"input": "x", "other": [[1.0, 2.0], [3.0, 5.0]]}, False),
    ("allclose", {"input": "v", "other": [0.5, 2.0000001]}, True),
    ("shape", {"input": "x"}, [2, 2]),
    ("size", {"input": "x"}, [2, 2]),
    ("size", {"input": "x", "dim": 1}, 2),
    ("dim", {"input": "x"}, 2),
    ("ndim", {"input": "x"}, 2),
    ("is_floating_point", {"input": "i"}, False),
    ("is_contiguous", {"input": "x"}, True),
    ("result_type", {"tensor1": "i", "tensor2": 1.5}, "float32"),
    ("can_cast", {"from_": "float64", "to": "int32"}, False),
    ("promote_types", {"type1": "float16", "type2": "torch.int64"}, "float16"),
    ("broadcast_shapes", {"args": [[2, 1], [3]]}, [2, 3]),
    ("is_same_size", {"input": "x", "other": "v"}, False),
    ("is_nonzero", {"input": [[0.5]]}, True),
    ("itemsize", {"input": "i"}, 8),
]


@pytest.mark.parametrize(("op", "body", "value"), VALUES)
def test_a_result_that_is_no_tensor_is_a_value_and_binds_nothing(x, op, body, value):
    names = x.names()
    assert x.call("POST", f"ops/{op}", body) == {"result": None, "value": value}
    assert x.names() == names


def test_float32_item_is_the_nearest_double(x):
    assert float32(x.value("item", [0.1])) == float32(0.1)


def test_data_shares_memory_and_is_not_watched(x):
    x.op("mul", "x", "x", out="y")
    assert x.op("data", "x", out="d")["requires_grad"] is False
    x.op("fill_", "d", 9)
    assert flatten(x.get("x")["data"]) == [9.0] * 4
    x.call("POST", "backward", {"tensors": "y", "grad_tensors": [[[1.0, 1.0], [1.0, 1.0]]]})
    assert flatten(x.call("GET", "tensors/x/grad")["data"]) == [18.0] * 4
