"""PyTorch code as text: a language of our own that looks like Python, over the values of the engine.

The text is parsed by Python's `ast`, checked node by node against a list of what is allowed, and translated into
closures; nothing of it is ever evaluated by Python itself. Names of attributes and functions are looked up in tables by
the type of the value, never on Python objects. Rooms, in the order of their layers:

    source        text to checked tree
    budget        what a run may use: steps, memory, text, depth, time
    values        what there is beside tensors and numbers: functions, classes, namespaces
    sequences     iteration, equality, truth
    operators     + - * … on values
    texts         how values print
    signatures    how builtins take arguments
    attributes    what stands behind the dot
    torch_names   what stands behind `torch.`, and Python's builtins (`builtins`)
    subscripts    x[...]
    scopes, expressions, functions, statements: from the tree to closures
    program       functions without a session; `cell` one text in a session
"""
