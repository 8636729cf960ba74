// PyTorch's autograd tutorial through the generated TypeScript client: prints what it saw as JSON.
// Run by test_generated.py, which compiles it with the client beside it.
import { client } from "./client/client.gen";
import * as api from "./client";

declare const process: { argv: string[] };

const baseUrl = process.argv[2];
client.setConfig({ baseUrl });

// The answer, where the call was not refused.
async function good<T>(call: Promise<{ data?: T; error?: unknown }>): Promise<T> {
  const { data, error } = await call;
  if (data === undefined) throw new Error(JSON.stringify(error));
  return data;
}

async function main() {
  const seen: Record<string, unknown> = {};
  const made = await good(api.createSession({ body: { seed: 0 } }));
  const path = { session: made.id };
  const ones: api.CreateTensorRequest = { name: "x", data: [[1, 1], [1, 1]], requires_grad: true };
  seen["x"] = (await good(api.createTensor({ path, body: ones }))).data;

  const y = (await good(api.opAdd({ path, body: { input: "x", other: 2, out: "y" } }))).result;
  await good(api.opMul({ path, body: { input: "y", other: "y", out: "yy" } }));
  await good(api.opMul({ path, body: { input: "yy", other: 3, out: "z" } }));
  const out = (await good(api.opMean({ path, body: { input: "z", out: "out" } }))).result;
  seen["y"] = [y?.grad_fn, y?.data];
  seen["out"] = [out?.grad_fn, out?.data];

  const partial = await good(api.grad({ path, body: { outputs: "out", inputs: ["y"], retain_graph: true } }));
  seen["grad of y"] = partial.grads.map((each) => each?.data);
  const found = await good(api.backward({ path, body: { tensors: "out" } }));
  seen["grads"] = Object.fromEntries(Object.entries(found.grads).map(([name, grad]) => [name, grad.data]));
  seen["x.grad"] = (await good(api.getGradient({ path: { ...path, tensor: "x" } }))).data;

  const again = await api.backward({ path, body: { tensors: "out" } });
  seen["again"] = [again.response?.status, again.error?.code];

  const added = await good(api.opAddInplace({ path, body: { input: "x", other: 1, no_grad: true } }));
  seen["x afterwards"] = [added.result?.data, added.result?.version];
  seen["turned"] = (await good(api.opTProperty({ path, body: { input: [[1, 2], [3, 4]] } }))).result?.data;

  const steps: api.Step[] = [
    { op: "tensor", data: [1.0, 2.0], dtype: "float32", requires_grad: true, out: "v" },
    { op: "mul", input: "v", other: "v", out: "w" },
  ];
  const answer = await good(api.runSteps({ path, body: { steps, return: ["w"] } }));
  seen["run"] = answer.tensors["w"]?.data;
  seen["jacobian"] = (await good(api.jacobian({ path, body: { output: "w", inputs: "v" } }))).jacobians[0].data;
  const graph = await good(api.graph({ path, query: { tensor: "w" } }));
  seen["graph"] = typeof graph === "string" ? graph : graph.nodes.map((node) => node.name);

  const versioned = await api.getSession({ path });
  seen["ETag"] = versioned.response?.headers.get("etag") === `"${versioned.data?.version}"`;
  seen["op"] = (await good(api.getOp({ path: { op: "mul" } }))).signatures[0].differentiable;
  const missing = await api.getTensor({ path: { ...path, tensor: "nobody" } });
  seen["missing"] = missing.error?.code;
  const deleted = await api.deleteSession({ path });
  seen["deleted"] = deleted.response?.status;
  console.log(JSON.stringify(seen));
}

main();
