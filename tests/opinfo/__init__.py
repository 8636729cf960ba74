"""The engine against torch's own database of operators (OpInfo): a development tool that needs PyTorch.

`python -m tests.opinfo` draws samples of every op of the catalogue (`tiers.txt`), compares the engine with torch, and
writes `results.json`; docs/parity.md is made from that file. Rooms: `catalogue` (what there is), `database` (torch's
entries), `translation` (torch to engine), `drawing` (samples), `forms` (what is called), `comparing`, `checking` (one
sample), `results` and `report`.
"""
