"""The engine against torch's own database of operators (OpInfo): a development tool that needs PyTorch.

`python -m tests.opinfo` draws samples of every op of the catalogue (`tiers.txt`) and compares the engine with torch;
with `--update` it keeps what it found in `results.json`, from which `python -m docs.generate` makes docs/parity.md.
Rooms: `catalogue` (what there is), `database` (torch's entries), `translation` (torch to engine), `drawing` (samples),
`forms` (what is called), `comparing`, `precision`, `ties`, `checking` (one sample), `running` (one op), `results` and
`report`. What the engine does is not tuned to these samples: its formulas are tested by central differences and
references of their own in tests/engine.
"""
