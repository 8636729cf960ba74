"""PyTorch code as text: a language of our own that looks like Python, over the values of the engine.

The text is parsed by Python's `ast`, checked node by node against a list of what is allowed, and translated into
closures; nothing of it is ever evaluated by Python itself. Names of attributes and functions are looked up in tables by
the type of the value, never on Python objects. Rooms, in the order of their layers:

    source          text to checked tree
    budget          what a run may use: steps, memory, text, depth, time
    values          what there is beside tensors and numbers: functions, classes, namespaces
    scopes          which names of a function are its own
    functions       how functions of code are called, by code and by the engine
    sequences       iteration, equality, truth
    texts           how values print
    operators       + - * … on values
    subscripts      x[...]
    signatures      how builtins take arguments, and the ops of the registry
    containers      what stands behind the dot of lists, dicts, texts
    namespaces      tables of names: torch_names, autograd_names, optim_names, query_names, math_names, functools_names
    tensor_names    what stands behind the dot of tensors
    attributes      what stands behind the dot of everything else
    builtins        Python's builtins
    imports         what `import` binds
    expressions, displays, statements, raising, definitions: from the tree to closures; `translation` has them all
    program         functions without a session; `cell` one text in a session
"""
