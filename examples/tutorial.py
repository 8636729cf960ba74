"""PyTorch's autograd tutorial, replayed over HTTP.

    python -m app --port 8000 &
    python examples/tutorial.py [http://127.0.0.1:8000]

Each call is shown with the PyTorch line it stands for; the output is what PyTorch prints.
"""

import math
import sys

import httpx


class Session:
    """A session holds named tensors and the graph behind them. Every method is one HTTP request."""

    def __init__(self, base: str, **options):
        self.http = httpx.Client(base_url=base, timeout=60)
        self.path = f"/v1/sessions/{self.request('POST', '/v1/sessions', options)['id']}"

    def request(self, method: str, path: str, body=None):
        """Send JSON, receive JSON; a refusal is raised with the server's explanation."""
        response = self.http.request(method, path, json=body)
        if response.is_error:  # an RFC 9457 problem; its detail is PyTorch's own text
            raise RuntimeError(response.json()["detail"])
        return response.json() if response.content else None

    def op(self, op: str, *args, **kwargs):
        """torch.op(*args, **kwargs): the result as a tensor object, or a plain value for ops like item."""
        answer = self.request("POST", f"{self.path}/ops/{op}", {"args": args, **kwargs})
        return answer.get("value", answer["result"])

    def run(self, *steps: dict, **options) -> dict:
        """Several steps in one round trip, all or nothing: the tensors asked for by name."""
        return self.request("POST", f"{self.path}/run", {"steps": steps, **options})["tensors"]

    def tensor(self, name: str, data, **options) -> dict:
        """name = torch.tensor(data, **options)."""
        return self.request("PUT", f"{self.path}/tensors/{name}", {"data": data, **options})

    def get(self, name: str) -> dict:
        """The tensor object: values, grad_fn, grad and so on."""
        return self.request("GET", f"{self.path}/tensors/{name}")

    def backward(self, tensors, **options) -> dict:
        """torch.autograd.backward: the gradients it changed, by tensor name."""
        return self.request("POST", f"{self.path}/backward", {"tensors": tensors, **options})["grads"]

    def zero_grad(self, name: str):
        """name.grad = None."""
        self.request("DELETE", f"{self.path}/tensors/{name}/grad")

    def close(self):
        """Free the session and all it holds."""
        self.request("DELETE", self.path)
        self.http.close()


def number_format(values: list[float]):
    """How torch prints these numbers: as integers, fixed or scientific."""
    sizes = [abs(v) for v in values if v]
    if not sizes:
        return "{:.0f}.".format
    wide = max(sizes) / min(sizes) > 1000 or max(sizes) > 1e8
    if all(v == math.ceil(v) for v in sizes):
        return "{:.4e}".format if wide else "{:.0f}.".format
    return "{:.4e}".format if wide or min(sizes) < 1e-4 else "{:.4f}".format


def flatten(data) -> list:
    """The numbers of a nested list in one list."""
    return [v for row in data for v in flatten(row)] if isinstance(data, list) else [data]


def show(tensor: dict) -> str:
    """A float tensor object as print(tensor) writes it in PyTorch."""
    text = number_format(flatten(tensor["data"]))
    width = max((len(text(v)) for v in flatten(tensor["data"])), default=0)

    def rows(data, indent):
        if not isinstance(data, list):
            return text(data).rjust(width)
        nested = bool(data) and isinstance(data[0], list)
        gap = ",\n" + " " * indent if nested else ", "
        return "[" + gap.join(rows(row, indent + 1) for row in data) + "]"

    suffix = ""
    if tensor["grad_fn"]:
        suffix = f", grad_fn=<{tensor['grad_fn']}>"
    elif tensor["requires_grad"]:
        suffix = ", requires_grad=True"
    return f"tensor({rows(tensor['data'], len('tensor([')).strip()}{suffix})"


def tensors_and_graphs(s: Session):
    """Tensors and their graph"""
    x = s.op("ones", 2, 2, requires_grad=True, out="x")  # x = torch.ones(2, 2, requires_grad=True)
    print(show(x))
    y = s.op("add", "x", 2, out="y")  # y = x + 2
    print(show(y))
    print(y["grad_fn"])  # print(y.grad_fn)
    s.op("mul", "y", "y", out="yy")  # z = y * y * 3
    z = s.op("mul", "yy", 3, out="z")
    out = s.op("mean", "z", out="out")  # out = z.mean()
    print(show(z), show(out))


def requires_grad(s: Session):
    """requires_grad"""
    steps = [
        {"op": "randn", "args": [2, 2], "out": "a"},  # a = torch.randn(2, 2)
        {"op": "mul", "args": ["a", 3], "out": "numerator"},  # a = (a * 3) / (a - 1)
        {"op": "sub", "args": ["a", 1], "out": "denominator"},
        {"op": "div", "args": ["numerator", "denominator"], "out": "a"},
    ]
    print(s.run(*steps)["a"]["requires_grad"])  # print(a.requires_grad)
    print(s.op("requires_grad_", "a")["requires_grad"])  # a.requires_grad_(True)
    s.op("mul", "a", "a", out="aa")  # b = (a * a).sum()
    print(s.op("sum", "aa", out="b")["grad_fn"])  # print(b.grad_fn)


def gradients(s: Session):
    """Gradients"""
    s.backward("out")  # out.backward()
    print(show(s.get("x")["grad"]))  # print(x.grad)


def in_place(s: Session):
    """Changing a leaf behind the graph's back"""
    s.run({"op": "detach", "input": "a", "out": "d"}, {"op": "fill_", "args": ["d", 9.0]})
    print(show(s.get("a")))  # a.detach().fill_(9.) wrote to memory that is also a's
    everything = [":"]
    print(show(s.op("setitem_", "a", everything, 11.0, no_grad=True)))  # with torch.no_grad(): a[:] = 11.
    try:
        s.backward("b")  # b.backward(): b's graph remembers the old values
    except RuntimeError as error:
        print(error)


def create_graph(s: Session):
    """Gradients that have a graph, accumulated"""
    s.op("ones", 2, 2, requires_grad=True, out="x")
    for _ in range(3):
        s.op("add", "x", 2, out="y")
        s.op("mul", "y", "y", out="yy")
        s.op("mul", "yy", 3, out="z")
        s.op("mean", "z", out="out")
        s.backward("out", create_graph=True)  # out.backward(create_graph=True)
        print(show(s.get("x")["grad"]))


def vector_roots(s: Session):
    """z.backward(ones_like(z)) is z.sum().backward()"""
    forward = [
        {"op": "add", "args": ["x", 2], "out": "y"},
        {"op": "mul", "args": ["y", "y"], "out": "yy"},
        {"op": "mul", "args": ["yy", 3], "out": "z"},
    ]
    s.zero_grad("x")  # x.grad = None
    s.run(*forward, {"op": "ones_like", "input": "z", "out": "ones"})
    print(show(s.backward("z", grad_tensors="ones")["x"]))
    s.zero_grad("x")
    s.run(*forward, {"op": "sum", "input": "z", "out": "total"})
    print(show(s.backward("total")["x"]))


def data_norm(s: Session, name: str) -> float:
    """name.data.norm(), as a number of this program."""
    s.op("detach", name, out="data")
    s.op("norm", "data", out="size")
    return s.op("item", "size")


def vector_jacobian_product(s: Session):
    """A vector-Jacobian product"""
    s.op("randn", 3, requires_grad=True, out="x")  # x = torch.randn(3, requires_grad=True)
    y = s.op("mul", "x", 2, out="y")  # y = x * 2
    while data_norm(s, "y") < 1000:  # while y.data.norm() < 1000:
        y = s.op("mul", "y", 2, out="y")  # y = y * 2
    print(show(s.get("x")))
    print(show(y))
    s.backward("y", grad_tensors=[[0.1, 1.0, 0.0001]])  # y.backward(torch.tensor([0.1, 1.0, 0.0001]))
    print(show(s.get("x")["grad"]))


def without_gradients(s: Session):
    """no_grad"""
    print(s.get("x")["requires_grad"])  # print(x.requires_grad)
    print(s.op("pow", "x", 2)["requires_grad"])  # print((x ** 2).requires_grad)
    print(s.op("pow", "x", 2, no_grad=True)["requires_grad"])  # with torch.no_grad(): ...


def jacobian_row_by_row(s: Session):
    """A Jacobian, row by row"""
    s.tensor("x", [1.0, 2.0, 3.0], requires_grad=True)
    y = s.run(  # y = torch.stack([x[0] * x[1], x[1] * x[2], x[0] ** 2 + x[2].exp()])
        *({"op": "getitem", "input": "x", "index": [i], "out": f"x{i}"} for i in range(3)),
        {"op": "mul", "args": ["x0", "x1"], "out": "y0"},
        {"op": "mul", "args": ["x1", "x2"], "out": "y1"},
        {"op": "pow", "args": ["x0", 2], "out": "square"},
        {"op": "exp", "args": ["x2"], "out": "exponential"},
        {"op": "add", "args": ["square", "exponential"], "out": "y2"},
        {"op": "stack", "tensors": ["y0", "y1", "y2"], "out": "y"},
    )["y"]
    print(show(y))
    rows = []
    for one_hot in [[1, 0, 0], [0, 1, 0], [0, 0, 1]]:
        s.zero_grad("x")
        rows.append(s.backward("y", grad_tensors=[one_hot], retain_graph=True)["x"]["data"])
    print(show(s.tensor("jacobian", rows)))


CHAPTERS = [
    *(tensors_and_graphs, requires_grad, gradients, in_place, create_graph),
    *(vector_roots, vector_jacobian_product, without_gradients, jacobian_row_by_row),
]


def main(base: str = "http://127.0.0.1:8000"):
    """Run every chapter in one session."""
    s = Session(base, seed=0)
    try:
        for chapter in CHAPTERS:
            print("#", chapter.__doc__)
            chapter(s)
    finally:
        s.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
