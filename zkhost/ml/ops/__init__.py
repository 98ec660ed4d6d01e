"""The operations of a graph. Each docstring is a contract: kernels and the reference interpreter compute exactly this.

Conventions. `f32(i)` converts an integer, rounding to nearest even; f32 operations are IEEE 754 binary32, each rounded
to nearest even, never fused unless `fma` is written. `rint` rounds half to even. Names in fields are names of tensors
unless the comment says constant. Shapes are row-major; N is the batch, C and M are channels. Zero points that are
known are ints; those of dynamically quantised tensors are names of u8 tensors with one element (`Zero`).

The integer rules are those of onnxruntime's CPU provider on x86-64 (MLAS: qlinear*.cpp, quantize.cpp, qgemm.cpp,
qladd.cpp), with true integer sums where its u8 x s8 kernels saturate on processors without VNNI.
"""

from __future__ import annotations

from zkhost.ml.ops.base import Op as Op
from zkhost.ml.ops.base import Pads as Pads
from zkhost.ml.ops.base import Window as Window
from zkhost.ml.ops.base import Zero as Zero
from zkhost.ml.ops.choices import ArgMax as ArgMax
from zkhost.ml.ops.choices import Threshold as Threshold
from zkhost.ml.ops.choices import TopK as TopK
from zkhost.ml.ops.floats import Binary as Binary
from zkhost.ml.ops.floats import BinaryKind as BinaryKind
from zkhost.ml.ops.floats import Clip as Clip
from zkhost.ml.ops.floats import ConvF as ConvF
from zkhost.ml.ops.floats import MatMulF as MatMulF
from zkhost.ml.ops.floats import SumF as SumF
from zkhost.ml.ops.floats import Unary as Unary
from zkhost.ml.ops.floats import UnaryKind as UnaryKind
from zkhost.ml.ops.functions import Function as Function
from zkhost.ml.ops.functions import FunctionKind as FunctionKind
from zkhost.ml.ops.functions import Power as Power
from zkhost.ml.ops.functions import Softmax as Softmax
from zkhost.ml.ops.functions import SoftmaxQ as SoftmaxQ
from zkhost.ml.ops.ggml import GgmlAttention as GgmlAttention
from zkhost.ml.ops.ggml import GgmlNorm as GgmlNorm
from zkhost.ml.ops.ggml import GgmlProduct as GgmlProduct
from zkhost.ml.ops.ggml import GgmlRope as GgmlRope
from zkhost.ml.ops.ggml import GgmlSwiglu as GgmlSwiglu
from zkhost.ml.ops.integers import AddQ as AddQ
from zkhost.ml.ops.integers import Conv as Conv
from zkhost.ml.ops.integers import MatMul as MatMul
from zkhost.ml.ops.integers import MulQ as MulQ
from zkhost.ml.ops.integers import Requantize as Requantize
from zkhost.ml.ops.integers import SumQ as SumQ
from zkhost.ml.ops.integers import Table as Table
from zkhost.ml.ops.masks import Compare as Compare
from zkhost.ml.ops.masks import Relation as Relation
from zkhost.ml.ops.masks import Select as Select
from zkhost.ml.ops.merge import Merge as Merge
from zkhost.ml.ops.merge import Precision as Precision
from zkhost.ml.ops.moves import Copy as Copy
from zkhost.ml.ops.moves import Gather as Gather
from zkhost.ml.ops.moves import Move as Move
from zkhost.ml.ops.moves import Reshape as Reshape
from zkhost.ml.ops.pools import AveragePool as AveragePool
from zkhost.ml.ops.pools import AveragePoolQ as AveragePoolQ
from zkhost.ml.ops.pools import MaxPool as MaxPool
from zkhost.ml.ops.scales import Dequantize as Dequantize
from zkhost.ml.ops.scales import DynamicQuantize as DynamicQuantize
from zkhost.ml.ops.scales import Quantize as Quantize
from zkhost.ml.ops.trees import Trees as Trees
