"""Checks exported heads in onnxruntime: do all files give the same probabilities?

    check_export.py --extractor model.onnx --fused fused.onnx --head head.onnx [--parameters head.json]

Random images go through the extractor and the head file, through the fused file, and through the formula in numpy
(float64). With --parameters the formula uses those numbers (keys transform, weights, bias, temperature, mean, scale,
classes); otherwise those stored in the head file, for which the package onnx is needed.
Prints the largest differences; exits with 1 when one is above the tolerance.
Needs: numpy, onnxruntime.
"""

import argparse
import json
import sys

import numpy
import onnxruntime


def main():
    arguments = parsed_arguments()
    extractor, fused, head = map(opened, (arguments.extractor, arguments.fused, arguments.head))
    if arguments.parameters:
        with open(arguments.parameters, encoding="utf-8") as file:
            parameters = json.load(file)
    else:
        parameters = stored_parameters(arguments.head)

    image = fused.get_inputs()[0]
    assert image.name == extractor.get_inputs()[0].name, "the fused file has another input"
    assert [output.name for output in fused.get_outputs()] == [output.name for output in head.get_outputs()]
    classes = json.loads(fused.get_modelmeta().custom_metadata_map["hub.classes"])
    assert classes == json.loads(head.get_modelmeta().custom_metadata_map["hub.classes"])
    assert classes == parameters.get("classes", classes), "the classes differ"

    generator = numpy.random.default_rng(arguments.seed)
    worst = {"fused and head file": 0.0, "fused and numpy": 0.0, "head file and numpy": 0.0}
    for count in (1, 3):
        # A graph with a fixed batch takes one image at a time.
        count = image.shape[0] if isinstance(image.shape[0], int) else count
        images = generator.uniform(-2, 2, size=(count, *image.shape[1:])).astype(numpy.float32)
        features = run(extractor, images, arguments.features)
        from_fused = run(fused, images)
        from_head = run(head, features)
        from_numpy = probabilities(features, parameters)
        assert from_fused.shape == (count, len(classes)), f"unexpected shape {from_fused.shape}"
        assert numpy.allclose(from_fused.sum(axis=1), 1, atol=1e-5), "rows do not sum to 1"
        for pair, left, right in (
            ("fused and head file", from_fused, from_head),
            ("fused and numpy", from_fused, from_numpy),
            ("head file and numpy", from_head, from_numpy),
        ):
            worst[pair] = max(worst[pair], float(numpy.abs(left - right).max()))
    # The zero vector has no direction; it must not become not-a-number.
    zero = numpy.zeros((1, head.get_inputs()[0].shape[1]), dtype=numpy.float32)
    worst["zero features"] = float(numpy.abs(run(head, zero) - probabilities(zero, parameters)).max())

    for pair, difference in worst.items():
        print(f"{pair}: {difference:.2e}")
    # Not-a-number compares false: it fails too.
    sys.exit(0 if all(difference <= arguments.tolerance for difference in worst.values()) else 1)


def parsed_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("extractor", "fused", "head"):
        parser.add_argument(f"--{name}", required=True, metavar="FILE")
    parser.add_argument("--parameters", metavar="FILE", help="the head's numbers as JSON")
    parser.add_argument("--features", metavar="NAME", help="the extractor's output; its first by default")
    parser.add_argument("--tolerance", type=float, default=1e-5)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def opened(path):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def run(session, values, output=None):
    name = output or session.get_outputs()[0].name
    return session.run([name], {session.get_inputs()[0].name: values})[0]


def stored_parameters(path):
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(path).graph
    tensors = {tensor.name.removeprefix("head/"): numpy_helper.to_array(tensor) for tensor in graph.initializer}
    if "scale" in tensors:
        transform = "standardise"
    elif "length_ones" in tensors:
        transform = "centred-l2" if "mean" in tensors else "l2"
    else:
        transform = "none"
    return {**tensors, "transform": transform, "temperature": float(tensors["temperature"][0])}


def probabilities(features, parameters):
    weights = numpy.asarray(parameters["weights"], dtype=numpy.float64)
    rows = features.astype(numpy.float64)[:, : weights.shape[1]]
    if parameters["transform"] in ("standardise", "centred-l2"):
        rows = rows - numpy.asarray(parameters["mean"], dtype=numpy.float64)
    if parameters["transform"] == "standardise":
        rows = rows / numpy.asarray(parameters["scale"], dtype=numpy.float64)
    if parameters["transform"] in ("l2", "centred-l2"):
        rows = rows / numpy.maximum(numpy.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    scores = (rows @ weights.T + numpy.asarray(parameters["bias"])) / parameters["temperature"]
    powers = numpy.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


if __name__ == "__main__":
    main()
