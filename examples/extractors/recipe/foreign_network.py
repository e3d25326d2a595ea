"""Takes the part of a foreign ONNX network that some of its tensors need, and adds it to a graph."""

import onnx
from onnx import helper, numpy_helper, version_converter

from .graph import OPSET, Graph


def add_to(graph: Graph, model: bytes, source: str, tensors: list[str], prefix: str) -> list[str]:
    """Runs the network `model` on the tensor `source` and returns what its `tensors` are called in `graph`.

    Only what these tensors need is copied. Its names get `prefix`, so that they cannot meet the graph's own.
    """
    foreign = onnx.load_model_from_string(model)
    if foreign.opset_import[0].version != OPSET:
        foreign = version_converter.convert_version(foreign, OPSET)
    constants = {tensor.name: tensor for tensor in foreign.graph.initializer}
    (entrance,) = [value.name for value in foreign.graph.input if value.name not in constants]
    renamed = {entrance: source, "": ""}
    for node in _needed(foreign.graph, tensors):
        if node.op_type == "Constant":
            constants[node.output[0]] = _constant_value(node)
            continue
        for name in node.input:
            if name not in renamed:  # not made by a node before, so it is a constant
                renamed[name] = _copy_constant(graph, constants[name], prefix + name)
        renamed.update((name, prefix + name) for name in node.output)
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copy.name = prefix + node.name if node.name else ""
        copy.input[:] = [renamed[name] for name in node.input]
        copy.output[:] = [renamed[name] for name in node.output]
        graph.nodes.append(copy)
    return [renamed[name] for name in tensors]


def _needed(foreign, tensors):
    """The nodes that `tensors` depend on, in the file's order."""
    makers = {output: node for node in foreign.node for output in node.output}
    needed, open_names = set(), list(tensors)
    while open_names:
        node = makers.get(open_names.pop())
        if node is not None and node.output[0] not in needed:
            needed.add(node.output[0])
            open_names.extend(node.input)
    return [node for node in foreign.node if node.output[0] in needed]


def _constant_value(node):
    (attribute,) = node.attribute
    if attribute.name != "value":
        raise ValueError(f"a constant given as {attribute.name} is not handled")
    return helper.get_attribute_value(attribute)


def _copy_constant(graph, tensor, name):
    copy = numpy_helper.from_array(numpy_helper.to_array(tensor), name)
    graph.constants.append(copy)
    return name
