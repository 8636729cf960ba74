"""Wrong calls on both libraries: what PyTorch refuses, the engine refuses with the same type and text, and a code.

`python -m tests.opinfo.wrong` takes samples of the database and gives one argument after the other a value it must
not have, leaves one out, gives one too many, or by a wrong name. Rooms: `values` (what a parameter must not be given),
`calls` (a sample made wrong), `outcomes` (what a library says, and how two answers differ), `examining` (all wrong
calls of one op), `isolated` (that in a process of its own, for some crash PyTorch), `known` (differences with their
reasons) and `report`.
"""
