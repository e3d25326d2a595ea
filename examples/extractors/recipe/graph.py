"""Writes an ONNX graph node by node: standard operators only, numbers inside the file, a free batch size."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 13
IR_VERSION = 8


class Graph:
    """A graph with one input `input` of shape [batch, channels, height, width]; methods add nodes and return tensor names."""

    def __init__(self, name: str, height: int, width: int, channels: int = 3):
        self.name = name
        self.input = "input"
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._input_shape = ["batch", channels, height, width]

    def constant(self, value) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, kind: str, *inputs: str, **attributes) -> str:
        output = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def convolution(self, x, weight, bias, *, stride, padding, groups=1) -> str:
        """`padding`: rows above, columns left, rows below, columns right."""
        return self.node("Conv", x, self.constant(weight.astype(np.float32)), self.constant(bias.astype(np.float32)),
                         kernel_shape=list(weight.shape[2:]), strides=[stride] * 2, pads=list(padding), group=groups)

    def mix(self, x, matrix, bias=None) -> str:
        """New channels [out] as sums of the old ones, pixel by pixel: `matrix` is [out, in]."""
        matrix = np.atleast_2d(np.asarray(matrix, np.float64))
        bias = np.zeros(len(matrix)) if bias is None else np.asarray(bias)
        return self.convolution(x, matrix[:, :, None, None], bias, stride=1, padding=(0, 0, 0, 0))

    def relu6(self, x) -> str:
        return self.node("Clip", x, self.constant(np.float32(0)), self.constant(np.float32(6)))

    def average_over_image(self, x) -> str:
        """[batch, channels, height, width] → [batch, channels]."""
        return self.node("Flatten", self.node("GlobalAveragePool", x), axis=1)

    def resized(self, x, factor: float) -> str:
        """[batch, channels, height, width] enlarged or reduced by linear interpolation."""
        return self.node("Resize", x, "", self.constant(np.array([1, 1, factor, factor], np.float32)),
                         mode="linear", coordinate_transformation_mode="half_pixel")

    def cut(self, x, axis: int, start: int, stop: int) -> str:
        """The part of a tensor from `start` to before `stop` along an axis."""
        return self.node("Slice", x, *(self.constant(np.array([place], np.int64)) for place in (start, stop, axis)))

    def finish(self, output: str, dimension: int) -> onnx.ModelProto:
        """The checked model, whose one output `features` of shape [batch, dimension] is the tensor `output`."""
        self.nodes.append(helper.make_node("Identity", [output], ["features"], name="features"))
        graph = helper.make_graph(
            self.nodes, self.name,
            [helper.make_tensor_value_info(self.input, TensorProto.FLOAT, self._input_shape)],
            [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", dimension])],
            self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION,
                                  producer_name="extractor-hub recipe")
        onnx.checker.check_model(model, full_check=True)
        return model
