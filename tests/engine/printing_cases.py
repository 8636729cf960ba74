"""What torch 2.13 prints, recorded from it: snippets and the exact text of their repr.

A snippet is one Python expression with `torch` bound; the engine takes the place of torch when the tests run.
"""

from __future__ import annotations

from typing import Any

CASES: list[tuple[str, str]] = [
    # Scalars of every dtype.
    ("torch.tensor(3.14159)", "tensor(3.1416)"),
    ("torch.tensor(1.0)", "tensor(1.)"),
    ("torch.tensor(0.0)", "tensor(0.)"),
    ("torch.tensor(-0.0)", "tensor(-0.)"),
    ("torch.tensor(7)", "tensor(7)"),
    ("torch.tensor(-7)", "tensor(-7)"),
    ("torch.tensor(True)", "tensor(True)"),
    ('torch.tensor(float("nan"))', "tensor(nan)"),
    ('torch.tensor(float("inf"))', "tensor(inf)"),
    ('torch.tensor(-float("inf"))', "tensor(-inf)"),
    ("torch.tensor(123456789.0)", "tensor(1.2346e+08)"),
    ("torch.tensor(100000000.0)", "tensor(100000000.)"),
    ("torch.tensor(123456.789)", "tensor(123456.7891)"),
    ("torch.tensor(0.0001)", "tensor(1.0000e-04)"),
    ("torch.tensor(0.00001)", "tensor(1.0000e-05)"),
    ("torch.tensor(1e-45)", "tensor(1.4013e-45)"),
    ("torch.tensor(2.5, dtype=torch.float64)", "tensor(2.5000, dtype=torch.float64)"),
    ("torch.tensor(2.5, dtype=torch.float16)", "tensor(2.5000, dtype=torch.float16)"),
    ("torch.tensor(3.14159, dtype=torch.bfloat16)", "tensor(3.1406, dtype=torch.bfloat16)"),
    ("torch.tensor(255, dtype=torch.uint8)", "tensor(255, dtype=torch.uint8)"),
    ("torch.tensor(-128, dtype=torch.int8)", "tensor(-128, dtype=torch.int8)"),
    ("torch.tensor(-32768, dtype=torch.int16)", "tensor(-32768, dtype=torch.int16)"),
    ("torch.tensor(2147483647, dtype=torch.int32)", "tensor(2147483647, dtype=torch.int32)"),
    ("torch.tensor(1 + 2j)", "tensor(1.+2.j)"),
    ("torch.tensor(1.5 - 2.25j)", "tensor(1.5000-2.2500j)"),
    ("torch.tensor(1 - 2j, dtype=torch.complex128)", "tensor(1.-2.j, dtype=torch.complex128)"),
    ("torch.tensor(complex(-0.0, -0.0))", "tensor(-0.-0.j)"),
    ('torch.tensor(complex(float("nan"), -float("inf")))', "tensor(nan-infj)"),
    ("torch.tensor(1e10 + 1e-10j)", "tensor(1.0000e+10+1.0000e-10j)"),
    # Vectors: integer-valued floats, alignment, the choice of notation.
    ("torch.tensor([1.0, 2.0, 3.0])", "tensor([1., 2., 3.])"),
    ("torch.tensor([1.0, -2.0, 30.0])", "tensor([ 1., -2., 30.])"),
    ("torch.tensor([1.5, -2.25, 100.0])", "tensor([  1.5000,  -2.2500, 100.0000])"),
    ("torch.tensor([0.0, -0.0, 1.0])", "tensor([0., -0., 1.])"),
    ("torch.tensor([0.0, -0.0])", "tensor([0., -0.])"),
    ("torch.tensor([0.1, 0.25])", "tensor([0.1000, 0.2500])"),
    ("torch.tensor([0.00012, 0.1])", "tensor([0.0001, 0.1000])"),
    ("torch.tensor([0.00012, 0.2])", "tensor([1.2000e-04, 2.0000e-01])"),
    ("torch.tensor([0.00009, 0.0001])", "tensor([9.0000e-05, 1.0000e-04])"),
    ("torch.tensor([1.0, 1000.0])", "tensor([   1., 1000.])"),
    ("torch.tensor([1.0, 1001.0])", "tensor([1.0000e+00, 1.0010e+03])"),
    ("torch.tensor([1e8, 1e8])", "tensor([100000000., 100000000.])"),
    ("torch.tensor([1.1e8, 2e8])", "tensor([1.1000e+08, 2.0000e+08])"),
    ("torch.tensor([123456.5, 1000.25])", "tensor([123456.5000,   1000.2500])"),
    ("torch.tensor([1e-10, 1.0, 1e10])", "tensor([1.0000e-10, 1.0000e+00, 1.0000e+10])"),
    ("torch.tensor([3.0, -4000000.0])", "tensor([ 3.0000e+00, -4.0000e+06])"),
    (
        "torch.tensor([1e-300, 1e300], dtype=torch.float64)",
        "tensor([1.0000e-300, 1.0000e+300], dtype=torch.float64)",
    ),
    (
        "torch.tensor([1e-300, 1e5], dtype=torch.float64)",
        "tensor([1.0000e-300,  1.0000e+05], dtype=torch.float64)",
    ),
    ("torch.tensor([99999.99996, 1.5e4])", "tensor([100000.,  15000.])"),
    ("torch.tensor([0.99996, 0.5])", "tensor([1.0000, 0.5000])"),
    ("torch.tensor([9.99995, 1.0])", "tensor([10.0000,  1.0000])"),
    ("torch.tensor([-1.0, -10.0])", "tensor([ -1., -10.])"),
    ("torch.tensor([16777216.0, 16777215.0])", "tensor([16777216., 16777215.])"),
    (
        "torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64)",
        "tensor([0.1000, 0.2000, 0.3000], dtype=torch.float64)",
    ),
    ("torch.tensor([1.0])", "tensor([1.])"),
    ("torch.linspace(0, 1, 5)", "tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])"),
    (
        "torch.linspace(-1, 1, 9)",
        """\
tensor([-1.0000, -0.7500, -0.5000, -0.2500,  0.0000,  0.2500,  0.5000,  0.7500,
         1.0000])""",
    ),
    ("torch.arange(0, 1, 0.25)", "tensor([0.0000, 0.2500, 0.5000, 0.7500])"),
    ("torch.full((3,), 0.5)", "tensor([0.5000, 0.5000, 0.5000])"),
    (
        "torch.full((2, 2), 7)",
        """\
tensor([[7, 7],
        [7, 7]])""",
    ),
    # Infinities and nans, which do not count for the width.
    ('torch.tensor([float("nan"), 1.0])', "tensor([nan, 1.])"),
    ('torch.tensor([float("nan"), 1.5, -float("inf")])', "tensor([   nan, 1.5000,   -inf])"),
    ('torch.tensor([float("inf"), -float("inf"), float("nan")])', "tensor([inf, -inf, nan])"),
    ('torch.tensor([0.0, float("nan")])', "tensor([0., nan])"),
    (
        'torch.tensor([1e-6, float("inf"), float("nan"), -1.0])',
        "tensor([ 1.0000e-06,         inf,         nan, -1.0000e+00])",
    ),
    (
        'torch.tensor([[float("nan"), 100.0], [2.0, -float("inf")]])',
        """\
tensor([[ nan, 100.],
        [  2., -inf]])""",
    ),
    (
        'torch.tensor([[0.0, float("inf")], [float("nan"), -0.0]], dtype=torch.float64)',
        """\
tensor([[0., inf],
        [nan, -0.]], dtype=torch.float64)""",
    ),
    (
        'torch.tensor([-float("inf"), 3.0, 12.0], dtype=torch.float16)',
        "tensor([-inf,  3., 12.], dtype=torch.float16)",
    ),
    # Integers and booleans.
    ("torch.tensor([1, 2, 3])", "tensor([1, 2, 3])"),
    ("torch.tensor([1, -20, 300])", "tensor([  1, -20, 300])"),
    (
        "torch.tensor([[1, -20], [300, 4]])",
        """\
tensor([[  1, -20],
        [300,   4]])""",
    ),
    (
        "torch.tensor([9223372036854775807, -9223372036854775808])",
        "tensor([ 9223372036854775807, -9223372036854775808])",
    ),
    ("torch.tensor([0, 255, 7], dtype=torch.uint8)", "tensor([  0, 255,   7], dtype=torch.uint8)"),
    ("torch.tensor([-128, 127], dtype=torch.int8)", "tensor([-128,  127], dtype=torch.int8)"),
    ("torch.tensor([-300, 5], dtype=torch.int16)", "tensor([-300,    5], dtype=torch.int16)"),
    ("torch.tensor([1, 2], dtype=torch.int32)", "tensor([1, 2], dtype=torch.int32)"),
    ("torch.tensor([True, False])", "tensor([ True, False])"),
    (
        "torch.tensor([[True, True], [True, True]])",
        """\
tensor([[True, True],
        [True, True]])""",
    ),
    ("torch.tensor([False, False])", "tensor([False, False])"),
    (
        "torch.ones(2, 2, dtype=torch.bool)",
        """\
tensor([[True, True],
        [True, True]])""",
    ),
    ("torch.arange(10)", "tensor([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])"),
    (
        "torch.arange(30)",
        """\
tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,
        18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29])""",
    ),
    ("torch.arange(10, -11, -5, dtype=torch.int32)", "tensor([ 10,   5,   0,  -5, -10], dtype=torch.int32)"),
    # Half precision.
    (
        "torch.tensor([0.1, 0.2, 0.3], dtype=torch.float16)",
        "tensor([0.1000, 0.2000, 0.3000], dtype=torch.float16)",
    ),
    (
        "torch.tensor([0.1, 0.2, 0.3], dtype=torch.bfloat16)",
        "tensor([0.1001, 0.2002, 0.3008], dtype=torch.bfloat16)",
    ),
    (
        "torch.tensor([65504.0, 1.0], dtype=torch.float16)",
        "tensor([6.5504e+04, 1.0000e+00], dtype=torch.float16)",
    ),
    (
        "torch.tensor([1e-7, 6e-8], dtype=torch.float16)",
        "tensor([1.1921e-07, 5.9605e-08], dtype=torch.float16)",
    ),
    (
        "torch.tensor([3e38, 1e-38], dtype=torch.bfloat16)",
        "tensor([3.0041e+38, 1.0010e-38], dtype=torch.bfloat16)",
    ),
    (
        "torch.tensor([1.0, 2.0, 256.0], dtype=torch.bfloat16)",
        "tensor([  1.,   2., 256.], dtype=torch.bfloat16)",
    ),
    (
        'torch.tensor([[1.5, -0.0], [float("nan"), 3.0]], dtype=torch.bfloat16)',
        """\
tensor([[1.5000, -0.0000],
        [   nan, 3.0000]], dtype=torch.bfloat16)""",
    ),
    (
        "torch.ones(2, 3, dtype=torch.float16)",
        """\
tensor([[1., 1., 1.],
        [1., 1., 1.]], dtype=torch.float16)""",
    ),
    (
        "torch.arange(12, dtype=torch.bfloat16).reshape(3, 4)",
        """\
tensor([[ 0.,  1.,  2.,  3.],
        [ 4.,  5.,  6.,  7.],
        [ 8.,  9., 10., 11.]], dtype=torch.bfloat16)""",
    ),
    # Complex numbers.
    ("torch.tensor([1 + 2j, 3 - 4j])", "tensor([1.+2.j, 3.-4.j])"),
    ("torch.tensor([1.5 + 2j, -30 - 4.25j])", "tensor([  1.5000+2.0000j, -30.0000-4.2500j])"),
    ("torch.tensor([1j, 2j, 0j])", "tensor([0.+1.j, 0.+2.j, 0.+0.j])"),
    ("torch.tensor([1 + 1e-6j, 1e6 - 1j])", "tensor([1.0000e+00+1.0000e-06j, 1.0000e+06-1.0000e+00j])"),
    ('torch.tensor([complex(float("nan"), 1.0), complex(2.0, -float("inf"))])', "tensor([nan+1.j, 2.-infj])"),
    (
        "torch.tensor([[1 + 2j, 3 - 40j], [-5.5 + 6j, 7j]])",
        """\
tensor([[ 1.0000+2.j,  3.0000-40.j],
        [-5.5000+6.j,  0.0000+7.j]])""",
    ),
    (
        "torch.tensor([1 + 2j, -3j], dtype=torch.complex128)",
        "tensor([1.+2.j, -0.-3.j], dtype=torch.complex128)",
    ),
    ("torch.zeros(2, dtype=torch.complex64)", "tensor([0.+0.j, 0.+0.j])"),
    (
        "torch.arange(12) * (1 - 0.5j)",
        """\
tensor([ 0.+0.0000j,  1.-0.5000j,  2.-1.0000j,  3.-1.5000j,  4.-2.0000j,
         5.-2.5000j,  6.-3.0000j,  7.-3.5000j,  8.-4.0000j,  9.-4.5000j,
        10.-5.0000j, 11.-5.5000j])""",
    ),
    # Matrices and higher dimensions.
    (
        "torch.zeros(2, 3)",
        """\
tensor([[0., 0., 0.],
        [0., 0., 0.]])""",
    ),
    (
        "torch.eye(3)",
        """\
tensor([[1., 0., 0.],
        [0., 1., 0.],
        [0., 0., 1.]])""",
    ),
    (
        "torch.eye(2, dtype=torch.int32)",
        """\
tensor([[1, 0],
        [0, 1]], dtype=torch.int32)""",
    ),
    ("torch.ones(1, 1)", "tensor([[1.]])"),
    (
        "torch.ones(3, 1)",
        """\
tensor([[1.],
        [1.],
        [1.]])""",
    ),
    (
        "torch.ones(2, 2, 2)",
        """\
tensor([[[1., 1.],
         [1., 1.]],

        [[1., 1.],
         [1., 1.]]])""",
    ),
    (
        "torch.arange(8).reshape(2, 2, 2)",
        """\
tensor([[[0, 1],
         [2, 3]],

        [[4, 5],
         [6, 7]]])""",
    ),
    (
        "torch.arange(16).reshape(2, 2, 2, 2)",
        """\
tensor([[[[ 0,  1],
          [ 2,  3]],

         [[ 4,  5],
          [ 6,  7]]],


        [[[ 8,  9],
          [10, 11]],

         [[12, 13],
          [14, 15]]]])""",
    ),
    (
        "torch.ones(1, 2, 1, 2, 1)",
        """\
tensor([[[[[1.],
           [1.]]],


         [[[1.],
           [1.]]]]])""",
    ),
    (
        "torch.tensor([[1.5, -2.0], [300.25, 0.0]])",
        """\
tensor([[  1.5000,  -2.0000],
        [300.2500,   0.0000]])""",
    ),
    (
        "torch.tensor([[1e-5, 1.0], [2.0, 3.0]])",
        """\
tensor([[1.0000e-05, 1.0000e+00],
        [2.0000e+00, 3.0000e+00]])""",
    ),
    (
        "torch.arange(6.0).reshape(2, 3).t()",
        """\
tensor([[0., 3.],
        [1., 4.],
        [2., 5.]])""",
    ),
    (
        "torch.arange(24.0).view(2, 3, 4) * 0.5",
        """\
tensor([[[ 0.0000,  0.5000,  1.0000,  1.5000],
         [ 2.0000,  2.5000,  3.0000,  3.5000],
         [ 4.0000,  4.5000,  5.0000,  5.5000]],

        [[ 6.0000,  6.5000,  7.0000,  7.5000],
         [ 8.0000,  8.5000,  9.0000,  9.5000],
         [10.0000, 10.5000, 11.0000, 11.5000]]])""",
    ),
    (
        "torch.tensor([[[1.0, -1.0]], [[10.0, 0.5]]], dtype=torch.float64)",
        """\
tensor([[[ 1.0000, -1.0000]],

        [[10.0000,  0.5000]]], dtype=torch.float64)""",
    ),
    (
        "torch.full((2, 2), True)",
        """\
tensor([[True, True],
        [True, True]])""",
    ),
    # Rows longer than a line.
    (
        "torch.arange(40.0)",
        """\
tensor([ 0.,  1.,  2.,  3.,  4.,  5.,  6.,  7.,  8.,  9., 10., 11., 12., 13.,
        14., 15., 16., 17., 18., 19., 20., 21., 22., 23., 24., 25., 26., 27.,
        28., 29., 30., 31., 32., 33., 34., 35., 36., 37., 38., 39.])""",
    ),
    (
        "torch.linspace(0, 1, 20)",
        """\
tensor([0.0000, 0.0526, 0.1053, 0.1579, 0.2105, 0.2632, 0.3158, 0.3684, 0.4211,
        0.4737, 0.5263, 0.5789, 0.6316, 0.6842, 0.7368, 0.7895, 0.8421, 0.8947,
        0.9474, 1.0000])""",
    ),
    (
        "torch.arange(21.0).reshape(1, 21) * 1.5",
        """\
tensor([[ 0.0000,  1.5000,  3.0000,  4.5000,  6.0000,  7.5000,  9.0000, 10.5000,
         12.0000, 13.5000, 15.0000, 16.5000, 18.0000, 19.5000, 21.0000, 22.5000,
         24.0000, 25.5000, 27.0000, 28.5000, 30.0000]])""",
    ),
    (
        "torch.arange(48).reshape(2, 24) * 1000",
        """\
tensor([[    0,  1000,  2000,  3000,  4000,  5000,  6000,  7000,  8000,  9000,
         10000, 11000, 12000, 13000, 14000, 15000, 16000, 17000, 18000, 19000,
         20000, 21000, 22000, 23000],
        [24000, 25000, 26000, 27000, 28000, 29000, 30000, 31000, 32000, 33000,
         34000, 35000, 36000, 37000, 38000, 39000, 40000, 41000, 42000, 43000,
         44000, 45000, 46000, 47000]])""",
    ),
    (
        "torch.linspace(0, 1000, 12, dtype=torch.float64)",
        """\
tensor([   0.0000,   90.9091,  181.8182,  272.7273,  363.6364,  454.5455,
         545.4545,  636.3636,  727.2727,  818.1818,  909.0909, 1000.0000],
       dtype=torch.float64)""",
    ),
    (
        "torch.ones(17, dtype=torch.bool)",
        """\
tensor([True, True, True, True, True, True, True, True, True, True, True, True,
        True, True, True, True, True])""",
    ),
    (
        "torch.arange(8) * 1.5j",
        """\
tensor([0.+0.0000j, 0.+1.5000j, 0.+3.0000j, 0.+4.5000j, 0.+6.0000j, 0.+7.5000j,
        0.+9.0000j, 0.+10.5000j])""",
    ),
    # Summaries: more than 1,000 elements.
    ("torch.arange(1001)", "tensor([   0,    1,    2,  ...,  998,  999, 1000])"),
    ("torch.zeros(2000)", "tensor([0., 0., 0.,  ..., 0., 0., 0.])"),
    (
        "torch.arange(2000.0) * 0.5",
        """\
tensor([0.0000e+00, 5.0000e-01, 1.0000e+00,  ..., 9.9850e+02, 9.9900e+02,
        9.9950e+02])""",
    ),
    (
        "torch.arange(10000).reshape(100, 100)",
        """\
tensor([[   0,    1,    2,  ...,   97,   98,   99],
        [ 100,  101,  102,  ...,  197,  198,  199],
        [ 200,  201,  202,  ...,  297,  298,  299],
        ...,
        [9700, 9701, 9702,  ..., 9797, 9798, 9799],
        [9800, 9801, 9802,  ..., 9897, 9898, 9899],
        [9900, 9901, 9902,  ..., 9997, 9998, 9999]])""",
    ),
    (
        "torch.linspace(0, 1, 10201).reshape(101, 101)",
        """\
tensor([[0.0000e+00, 9.8039e-05, 1.9608e-04,  ..., 9.6078e-03, 9.7059e-03,
         9.8039e-03],
        [9.9020e-03, 1.0000e-02, 1.0098e-02,  ..., 1.9510e-02, 1.9608e-02,
         1.9706e-02],
        [1.9804e-02, 1.9902e-02, 2.0000e-02,  ..., 2.9412e-02, 2.9510e-02,
         2.9608e-02],
        ...,
        [9.7039e-01, 9.7049e-01, 9.7059e-01,  ..., 9.8000e-01, 9.8010e-01,
         9.8020e-01],
        [9.8029e-01, 9.8039e-01, 9.8049e-01,  ..., 9.8990e-01, 9.9000e-01,
         9.9010e-01],
        [9.9020e-01, 9.9029e-01, 9.9039e-01,  ..., 9.9980e-01, 9.9990e-01,
         1.0000e+00]])""",
    ),
    (
        "torch.arange(1200).reshape(2, 600)",
        """\
tensor([[   0,    1,    2,  ...,  597,  598,  599],
        [ 600,  601,  602,  ..., 1197, 1198, 1199]])""",
    ),
    (
        "torch.arange(1200).reshape(600, 2, 1)",
        """\
tensor([[[   0],
         [   1]],

        [[   2],
         [   3]],

        [[   4],
         [   5]],

        ...,

        [[1194],
         [1195]],

        [[1196],
         [1197]],

        [[1198],
         [1199]]])""",
    ),
    (
        "torch.arange(1029).reshape(3, 7, 49)",
        """\
tensor([[[   0,    1,    2,  ...,   46,   47,   48],
         [  49,   50,   51,  ...,   95,   96,   97],
         [  98,   99,  100,  ...,  144,  145,  146],
         ...,
         [ 196,  197,  198,  ...,  242,  243,  244],
         [ 245,  246,  247,  ...,  291,  292,  293],
         [ 294,  295,  296,  ...,  340,  341,  342]],

        [[ 343,  344,  345,  ...,  389,  390,  391],
         [ 392,  393,  394,  ...,  438,  439,  440],
         [ 441,  442,  443,  ...,  487,  488,  489],
         ...,
         [ 539,  540,  541,  ...,  585,  586,  587],
         [ 588,  589,  590,  ...,  634,  635,  636],
         [ 637,  638,  639,  ...,  683,  684,  685]],

        [[ 686,  687,  688,  ...,  732,  733,  734],
         [ 735,  736,  737,  ...,  781,  782,  783],
         [ 784,  785,  786,  ...,  830,  831,  832],
         ...,
         [ 882,  883,  884,  ...,  928,  929,  930],
         [ 931,  932,  933,  ...,  977,  978,  979],
         [ 980,  981,  982,  ..., 1026, 1027, 1028]]])""",
    ),
    (
        "torch.zeros(7, 1, 1, 200) + 1.5",
        """\
tensor([[[[1.5000, 1.5000, 1.5000,  ..., 1.5000, 1.5000, 1.5000]]],


        [[[1.5000, 1.5000, 1.5000,  ..., 1.5000, 1.5000, 1.5000]]],


        [[[1.5000, 1.5000, 1.5000,  ..., 1.5000, 1.5000, 1.5000]]],


        ...,


        [[[1.5000, 1.5000, 1.5000,  ..., 1.5000, 1.5000, 1.5000]]],


        [[[1.5000, 1.5000, 1.5000,  ..., 1.5000, 1.5000, 1.5000]]],


        [[[1.5000, 1.5000, 1.5000,  ..., 1.5000, 1.5000, 1.5000]]]])""",
    ),
    ("torch.ones(1001, dtype=torch.bool)", "tensor([True, True, True,  ..., True, True, True])"),
    (
        "torch.full((1001,), 0.25, dtype=torch.float16)",
        """\
tensor([0.2500, 0.2500, 0.2500,  ..., 0.2500, 0.2500, 0.2500],
       dtype=torch.float16)""",
    ),
    (
        "torch.ones(6, 200)",
        """\
tensor([[1., 1., 1.,  ..., 1., 1., 1.],
        [1., 1., 1.,  ..., 1., 1., 1.],
        [1., 1., 1.,  ..., 1., 1., 1.],
        [1., 1., 1.,  ..., 1., 1., 1.],
        [1., 1., 1.,  ..., 1., 1., 1.],
        [1., 1., 1.,  ..., 1., 1., 1.]])""",
    ),
    (
        "torch.arange(1001) * (1 + 1j)",
        """\
tensor([   0.+0.j,    1.+1.j,    2.+2.j,  ...,  998.+998.j,
         999.+999.j, 1000.+1000.j])""",
    ),
    (
        "torch.ones(40, 40, dtype=torch.float64, requires_grad=True)",
        """\
tensor([[1., 1., 1.,  ..., 1., 1., 1.],
        [1., 1., 1.,  ..., 1., 1., 1.],
        [1., 1., 1.,  ..., 1., 1., 1.],
        ...,
        [1., 1., 1.,  ..., 1., 1., 1.],
        [1., 1., 1.,  ..., 1., 1., 1.],
        [1., 1., 1.,  ..., 1., 1., 1.]], dtype=torch.float64,
       requires_grad=True)""",
    ),
    (
        "torch.arange(1500.0) * torch.arange(1500.0)",
        """\
tensor([0.0000e+00, 1.0000e+00, 4.0000e+00,  ..., 2.2410e+06, 2.2440e+06,
        2.2470e+06])""",
    ),
    ("torch.zeros(1000000)", "tensor([0., 0., 0.,  ..., 0., 0., 0.])"),
    (
        "torch.eye(1000)",
        """\
tensor([[1., 0., 0.,  ..., 0., 0., 0.],
        [0., 1., 0.,  ..., 0., 0., 0.],
        [0., 0., 1.,  ..., 0., 0., 0.],
        ...,
        [0., 0., 0.,  ..., 1., 0., 0.],
        [0., 0., 0.,  ..., 0., 1., 0.],
        [0., 0., 0.,  ..., 0., 0., 1.]])""",
    ),
    # Empty tensors.
    ("torch.tensor([])", "tensor([])"),
    ("torch.empty(0)", "tensor([])"),
    ("torch.empty(0, 3)", "tensor([], size=(0, 3))"),
    ("torch.empty(3, 0)", "tensor([], size=(3, 0))"),
    ("torch.empty(2, 0, 4)", "tensor([], size=(2, 0, 4))"),
    ("torch.empty(0, 0)", "tensor([], size=(0, 0))"),
    ("torch.empty(0, dtype=torch.int64)", "tensor([], dtype=torch.int64)"),
    ("torch.empty(0, dtype=torch.bool)", "tensor([], dtype=torch.bool)"),
    ("torch.empty(0, 3, dtype=torch.float64)", "tensor([], size=(0, 3), dtype=torch.float64)"),
    ("torch.empty(0, 2, dtype=torch.complex64)", "tensor([], size=(0, 2), dtype=torch.complex64)"),
    ("torch.empty(0, dtype=torch.bfloat16)", "tensor([], dtype=torch.bfloat16)"),
    ("torch.empty(0, 5, requires_grad=True)", "tensor([], size=(0, 5), requires_grad=True)"),
    (
        "torch.zeros(0, 2, dtype=torch.float64, requires_grad=True)",
        "tensor([], size=(0, 2), dtype=torch.float64, requires_grad=True)",
    ),
    ("torch.empty(0, 2, requires_grad=True) * 2", "tensor([], size=(0, 2), grad_fn=<MulBackward0>)"),
    # Leaves that require grad, and results with a grad_fn.
    ("torch.tensor(1.5, requires_grad=True)", "tensor(1.5000, requires_grad=True)"),
    ("torch.tensor([1.0, 2.0], requires_grad=True)", "tensor([1., 2.], requires_grad=True)"),
    (
        "torch.ones(2, 2, requires_grad=True)",
        """\
tensor([[1., 1.],
        [1., 1.]], requires_grad=True)""",
    ),
    (
        "torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)",
        "tensor([1., 2.], dtype=torch.float64, requires_grad=True)",
    ),
    ("torch.tensor([1j], requires_grad=True)", "tensor([0.+1.j], requires_grad=True)"),
    (
        "torch.tensor([0.5], dtype=torch.bfloat16, requires_grad=True)",
        "tensor([0.5000], dtype=torch.bfloat16, requires_grad=True)",
    ),
    ("torch.ones(2, requires_grad=True) * 2", "tensor([2., 2.], grad_fn=<MulBackward0>)"),
    ("torch.ones(2, requires_grad=True) + 1", "tensor([2., 2.], grad_fn=<AddBackward0>)"),
    ("torch.ones(2, requires_grad=True) - 0.5", "tensor([0.5000, 0.5000], grad_fn=<SubBackward0>)"),
    ("torch.ones(2, requires_grad=True) / 4", "tensor([0.2500, 0.2500], grad_fn=<DivBackward0>)"),
    ("-torch.ones(2, requires_grad=True)", "tensor([-1., -1.], grad_fn=<NegBackward0>)"),
    (
        "torch.ones(4, requires_grad=True).view(2, 2)",
        """\
tensor([[1., 1.],
        [1., 1.]], grad_fn=<ViewBackward0>)""",
    ),
    (
        "torch.ones(4, requires_grad=True).reshape(2, 2)",
        """\
tensor([[1., 1.],
        [1., 1.]], grad_fn=<ViewBackward0>)""",
    ),
    (
        "torch.ones(2, 3, requires_grad=True).t()",
        """\
tensor([[1., 1.],
        [1., 1.],
        [1., 1.]], grad_fn=<TBackward0>)""",
    ),
    ("torch.ones(2, 2, requires_grad=True).sum()", "tensor(4., grad_fn=<SumBackward0>)"),
    ("torch.ones(3, requires_grad=True)[0]", "tensor(1., grad_fn=<SelectBackward0>)"),
    ("torch.ones(3, requires_grad=True).detach()", "tensor([1., 1., 1.])"),
    (
        "torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True) * 0.1",
        "tensor([0.1000, 0.2000], dtype=torch.float64, grad_fn=<MulBackward0>)",
    ),
    (
        "torch.ones(2, 2, dtype=torch.float16, requires_grad=True) * 3",
        """\
tensor([[3., 3.],
        [3., 3.]], dtype=torch.float16, grad_fn=<MulBackward0>)""",
    ),
    # Suffixes that no longer fit on the line.
    (
        "torch.arange(13.0, requires_grad=True)",
        """\
tensor([ 0.,  1.,  2.,  3.,  4.,  5.,  6.,  7.,  8.,  9., 10., 11., 12.],
       requires_grad=True)""",
    ),
    (
        "torch.arange(14.0, requires_grad=True)",
        """\
tensor([ 0.,  1.,  2.,  3.,  4.,  5.,  6.,  7.,  8.,  9., 10., 11., 12., 13.],
       requires_grad=True)""",
    ),
    (
        "torch.arange(12.0, requires_grad=True)",
        """\
tensor([ 0.,  1.,  2.,  3.,  4.,  5.,  6.,  7.,  8.,  9., 10., 11.],
       requires_grad=True)""",
    ),
    (
        "torch.arange(11.0, requires_grad=True) * 1.5",
        """\
tensor([ 0.0000,  1.5000,  3.0000,  4.5000,  6.0000,  7.5000,  9.0000, 10.5000,
        12.0000, 13.5000, 15.0000], grad_fn=<MulBackward0>)""",
    ),
    (
        "torch.arange(7.0, dtype=torch.float64, requires_grad=True) * 1.5",
        """\
tensor([0.0000, 1.5000, 3.0000, 4.5000, 6.0000, 7.5000, 9.0000],
       dtype=torch.float64, grad_fn=<MulBackward0>)""",
    ),
    (
        "torch.arange(6.0, dtype=torch.float64, requires_grad=True) * 1.5",
        """\
tensor([0.0000, 1.5000, 3.0000, 4.5000, 6.0000, 7.5000], dtype=torch.float64,
       grad_fn=<MulBackward0>)""",
    ),
    (
        "torch.arange(14.0, dtype=torch.float64, requires_grad=True)",
        """\
tensor([ 0.,  1.,  2.,  3.,  4.,  5.,  6.,  7.,  8.,  9., 10., 11., 12., 13.],
       dtype=torch.float64, requires_grad=True)""",
    ),
    (
        "torch.arange(17, dtype=torch.int32)",
        """\
tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16],
       dtype=torch.int32)""",
    ),
    (
        "torch.arange(18, dtype=torch.int16)",
        """\
tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17],
       dtype=torch.int16)""",
    ),
    (
        "(torch.arange(20.0, requires_grad=True) * 0.5).reshape(2, 10)",
        """\
tensor([[0.0000, 0.5000, 1.0000, 1.5000, 2.0000, 2.5000, 3.0000, 3.5000, 4.0000,
         4.5000],
        [5.0000, 5.5000, 6.0000, 6.5000, 7.0000, 7.5000, 8.0000, 8.5000, 9.0000,
         9.5000]], grad_fn=<ViewBackward0>)""",
    ),
    (
        "torch.linspace(0, 1, 9, dtype=torch.float64, requires_grad=True)",
        """\
tensor([0.0000, 0.1250, 0.2500, 0.3750, 0.5000, 0.6250, 0.7500, 0.8750, 1.0000],
       dtype=torch.float64, requires_grad=True)""",
    ),
]

# The print options are at their defaults before each of these.
OPTION_CASES: list[tuple[dict[str, Any], str, str]] = [
    ({"precision": 2}, "torch.tensor([1.12345, 2.0])", "tensor([1.12, 2.00])"),
    ({"precision": 2}, "torch.tensor(3.14159)", "tensor(3.14)"),
    ({"precision": 0}, "torch.tensor([1.5, 2.5])", "tensor([2, 2])"),
    ({"precision": 8}, "torch.tensor([0.1, 0.2])", "tensor([0.10000000, 0.20000000])"),
    (
        {"precision": 10},
        "torch.tensor([0.1], dtype=torch.float64)",
        "tensor([0.1000000000], dtype=torch.float64)",
    ),
    ({"precision": 1}, "torch.tensor([1e-8, 1.0])", "tensor([1.0e-08, 1.0e+00])"),
    ({"precision": 2}, "torch.tensor([1.0, 2.0])", "tensor([1., 2.])"),
    ({"precision": 1}, "torch.tensor([1.25 - 3.5j])", "tensor([1.2-3.5j])"),
    ({"sci_mode": True}, "torch.tensor([1.0, 20.5])", "tensor([1.0000e+00, 2.0500e+01])"),
    ({"sci_mode": True}, "torch.tensor([1.0, 2.0])", "tensor([1.0000e+00, 2.0000e+00])"),
    ({"sci_mode": True}, "torch.zeros(2)", "tensor([0., 0.])"),
    (
        {"sci_mode": True},
        'torch.tensor([0.0, -1.0, float("nan")])',
        "tensor([ 0.0000e+00, -1.0000e+00,         nan])",
    ),
    ({"sci_mode": False}, "torch.tensor([1e-8, 1.0])", "tensor([0.0000, 1.0000])"),
    ({"sci_mode": False}, "torch.tensor([1e10, 1.0])", "tensor([10000000000.,           1.])"),
    ({"sci_mode": True}, "torch.tensor([1, 2])", "tensor([1, 2])"),
    ({"sci_mode": True, "precision": 1}, "torch.tensor([1 + 20j])", "tensor([1.0e+00+2.0e+01j])"),
    ({"threshold": 5}, "torch.arange(10)", "tensor([0, 1, 2,  ..., 7, 8, 9])"),
    (
        {"threshold": 5, "edgeitems": 1},
        "torch.arange(10.0).reshape(5, 2)",
        """\
tensor([[0., 1.],
        ...,
        [8., 9.]])""",
    ),
    ({"threshold": 0}, "torch.tensor([1.0, 2.0])", "tensor([1., 2.])"),
    ({"threshold": 0}, "torch.tensor(1.0)", "tensor(1.)"),
    (
        {"threshold": 5, "edgeitems": 2},
        "torch.arange(125).reshape(5, 5, 5)",
        """\
tensor([[[  0,   1,  ...,   3,   4],
         [  5,   6,  ...,   8,   9],
         ...,
         [ 15,  16,  ...,  18,  19],
         [ 20,  21,  ...,  23,  24]],

        [[ 25,  26,  ...,  28,  29],
         [ 30,  31,  ...,  33,  34],
         ...,
         [ 40,  41,  ...,  43,  44],
         [ 45,  46,  ...,  48,  49]],

        ...,

        [[ 75,  76,  ...,  78,  79],
         [ 80,  81,  ...,  83,  84],
         ...,
         [ 90,  91,  ...,  93,  94],
         [ 95,  96,  ...,  98,  99]],

        [[100, 101,  ..., 103, 104],
         [105, 106,  ..., 108, 109],
         ...,
         [115, 116,  ..., 118, 119],
         [120, 121,  ..., 123, 124]]])""",
    ),
    ({"edgeitems": 0}, "torch.tensor([1.0, 2.0])", "tensor([1., 2.], size=(2,))"),
    ({"edgeitems": 0}, "torch.arange(2000)", "tensor([...], size=(2000,))"),
    ({"edgeitems": 0}, "torch.zeros(50, 50)", "tensor([...], size=(50, 50))"),
    ({"edgeitems": 0}, "torch.tensor(1, dtype=torch.int32)", "tensor(1, size=(), dtype=torch.int32)"),
    ({"edgeitems": 1}, "torch.arange(1100.0)", "tensor([   0.,  ..., 1099.])"),
    (
        {"linewidth": 40},
        "torch.arange(20)",
        """\
tensor([ 0,  1,  2,  3,  4,  5,  6,  7,
         8,  9, 10, 11, 12, 13, 14, 15,
        16, 17, 18, 19])""",
    ),
    (
        {"linewidth": 100},
        "torch.arange(40)",
        """\
tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,
        23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39])""",
    ),
    (
        {"linewidth": 1},
        "torch.arange(3)",
        """\
tensor([0,
        1,
        2])""",
    ),
    (
        {"linewidth": 30},
        "torch.ones(2, 2, requires_grad=True)",
        """\
tensor([[1., 1.],
        [1., 1.]],
       requires_grad=True)""",
    ),
    (
        {"linewidth": 20},
        "torch.ones(1, dtype=torch.float64, requires_grad=True)",
        """\
tensor([1.],
       dtype=torch.float64,
       requires_grad=True)""",
    ),
    ({"linewidth": 30}, "torch.ones(3, dtype=torch.complex64)", "tensor([1.+0.j, 1.+0.j, 1.+0.j])"),
    ({"profile": "short"}, "torch.arange(1001.0) * 0.125", "tensor([  0.00,   0.12,  ..., 124.88, 125.00])"),
    ({"threshold": 10}, "torch.arange(10)", "tensor([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])"),
    ({"threshold": 10.5}, "torch.arange(11)", "tensor([ 0,  1,  2,  ...,  8,  9, 10])"),
    (
        {"profile": "full", "linewidth": 100},
        "torch.arange(40.0) * 0.5",
        """\
tensor([ 0.0000,  0.5000,  1.0000,  1.5000,  2.0000,  2.5000,  3.0000,  3.5000,  4.0000,  4.5000,
         5.0000,  5.5000,  6.0000,  6.5000,  7.0000,  7.5000,  8.0000,  8.5000,  9.0000,  9.5000,
        10.0000, 10.5000, 11.0000, 11.5000, 12.0000, 12.5000, 13.0000, 13.5000, 14.0000, 14.5000,
        15.0000, 15.5000, 16.0000, 16.5000, 17.0000, 17.5000, 18.0000, 18.5000, 19.0000, 19.5000])""",
    ),
    ({"profile": "full", "precision": 1}, "torch.linspace(0, 1, 5)", "tensor([0.0, 0.2, 0.5, 0.8, 1.0])"),
    ({"profile": "short", "edgeitems": 1}, "torch.arange(1001.0)", "tensor([   0.,  ..., 1000.])"),
    ({"profile": "nonesuch"}, "torch.tensor([1.5])", "tensor([1.5000])"),
]

# Snippets that are strings already: a 0-d tensor formats as its Python number.
FORMAT_CASES: list[tuple[str, str]] = [
    ('f"{torch.tensor(3.14159):.3f}"', "3.142"),
    ('f"{torch.tensor(1.5)}"', "1.5"),
    ('f"{torch.tensor(0.1)}"', "0.10000000149011612"),
    ('f"{torch.tensor(7):5d}"', "    7"),
    ('f"{torch.tensor(1234567):,}"', "1,234,567"),
    ('f"{torch.tensor(True)}"', "True"),
    ('f"{torch.tensor(0.5, requires_grad=True):.2%}"', "50.00%"),
    ('f"{torch.tensor(1 + 2j):.1f}"', "1.0+2.0j"),
    ('f"{torch.tensor([1.0, 2.0])}"', "tensor([1., 2.])"),
    ('f"{torch.tensor(1.5)!r}"', "tensor(1.5000)"),
    ('f"{torch.ones(2, 3).shape}"', "torch.Size([2, 3])"),
]
