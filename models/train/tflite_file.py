"""Writes a folded, calibrated network as a full-int8 TFLite file, from nothing.

Only operators and versions that the TFLite kernels of 2020 know are used. Field numbers are those of TensorFlow's
schema.fbs, version 3. It also reads back the weights of such a file. Nothing here trains or measures.
"""

import pathlib

import flatbuffers
import numpy as np
from network import Block

ADD, CONVOLUTION, DEPTHWISE, RESHAPE, MEAN, QUANTIZE = 0, 3, 4, 22, 40, 114
VERSIONS = {ADD: 2, CONVOLUTION: 3, DEPTHWISE: 3, RESHAPE: 1, MEAN: 2, QUANTIZE: 1}
OPTIONS = {ADD: 11, CONVOLUTION: 1, DEPTHWISE: 2, RESHAPE: 17, MEAN: 27, QUANTIZE: 0}
INT32, UINT8, INT8 = 2, 3, 9
RELU6 = 3


class Graph:
    """The file while it grows: tensors and operators, each written as soon as it is known."""

    def __init__(self):
        self.builder = flatbuffers.Builder(8 << 20)
        self.vectors, self.tensors, self.operators, self.kinds = {}, [], [], []
        self.buffers = [self.table([])]

    def table(self, fields):
        """A table; each field is its number, its kind (a slot writer's name) and its value."""
        self.builder.StartObject(1 + max((number for number, _, _ in fields), default=0))
        for number, kind, value in fields:
            getattr(self.builder, f"Prepend{kind}Slot")(number, value, 0)
        return self.builder.EndObject()

    def vector(self, values, dtype):
        """A vector of numbers. Equal ones are written once: the zero points alone would fill a tenth of the file."""
        values = np.ascontiguousarray(values, dtype)
        key = (values.dtype.str, values.tobytes())
        if key not in self.vectors:
            self.vectors[key] = self.builder.CreateNumpyVector(values)
        return self.vectors[key]

    def list(self, offsets):
        """A vector of tables."""
        self.builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.builder.PrependUOffsetTRelative(offset)
        return self.builder.EndVector()

    def buffer(self, array):
        """The numbers of a constant tensor, at a multiple of 16 bytes as the schema asks."""
        raw = array.tobytes()
        self.builder.StartVector(1, len(raw), 16)
        self.builder.head -= len(raw)
        self.builder.Bytes[self.builder.head : self.builder.head + len(raw)] = raw
        self.buffers.append(self.table([(0, "UOffsetTRelative", self.builder.EndVector())]))
        return len(self.buffers) - 1

    def tensor(self, shape, kind, scales=None, zero=0, along=0, values=None, name=None):
        """A tensor; `along` is the dimension that several scales belong to. Returns its place."""
        fields = [(0, "UOffsetTRelative", self.vector(shape, np.int32)), (1, "Int8", kind)]
        if scales is not None:
            scales = np.atleast_1d(np.asarray(scales, np.float32))
            quantization = [(2, "UOffsetTRelative", self.vector(scales, np.float32)),
                            (3, "UOffsetTRelative", self.vector(np.full(len(scales), zero), np.int64)), (6, "Int32", along)]
            fields.append((4, "UOffsetTRelative", self.table(quantization)))
        if values is not None:
            fields.append((2, "Uint32", self.buffer(values)))
        if name:
            fields.append((3, "UOffsetTRelative", self.builder.CreateString(name)))
        self.tensors.append(self.table(fields))
        return len(self.tensors) - 1

    def operator(self, kind, inputs, output, options):
        """An operator with its options' fields."""
        if kind not in self.kinds:
            self.kinds.append(kind)
        fields = [(0, "Uint32", self.kinds.index(kind)), (1, "UOffsetTRelative", self.vector(inputs, np.int32)),
                  (2, "UOffsetTRelative", self.vector([output], np.int32))]
        if OPTIONS[kind]:
            fields += [(3, "Uint8", OPTIONS[kind]), (4, "UOffsetTRelative", self.table(options))]
        self.operators.append(self.table(fields))

    def save(self, path, given, got, description):
        """Writes the file."""
        codes = [self.table([(0, "Int8", kind), (2, "Int32", VERSIONS[kind]), (3, "Int32", kind)]) for kind in self.kinds]
        at = "UOffsetTRelative"
        graph = self.table([(0, at, self.list(self.tensors)), (1, at, self.vector([given], np.int32)),
                            (2, at, self.vector([got], np.int32)), (3, at, self.list(self.operators))])
        model = self.table([(0, "Uint32", 3), (1, at, self.list(codes)), (2, at, self.list([graph])),
                            (3, at, self.builder.CreateString(description)), (4, at, self.list(self.buffers))])
        self.builder.Finish(model, b"TFL3")
        pathlib.Path(path).write_bytes(bytes(self.builder.Output()))


class Writer:
    """Follows the network's computation and writes each step. Activations are (tensor, side, scale)."""

    def __init__(self, side):
        self.graph = Graph()
        self.given = self.graph.tensor([1, side, side, 3], UINT8, 1 / 128, 127, name="picture")
        inner = self.graph.tensor([1, side, side, 3], INT8, 1 / 128, -1)
        self.graph.operator(QUANTIZE, [self.given], inner, [])
        self.now = (inner, side, 1 / 128)

    def output(self, shape, lies):
        scale, zero = lies.scale()
        return self.graph.tensor(shape, INT8, scale, zero), scale

    def convolution(self, layer):
        """One convolution with its bias and activation."""
        tensor, side, scale = self.now
        weight = layer.numbers().detach().cpu().numpy().astype(np.float64)
        scales = np.maximum(np.abs(weight).max((1, 2, 3)), 1e-6) / 127
        numbers = np.round(weight / scales[:, None, None, None]).astype(np.int8)
        deep = layer.groups > 1
        numbers = np.ascontiguousarray(numbers.transpose(1, 2, 3, 0) if deep else numbers.transpose(0, 2, 3, 1))
        bias = np.round(layer.bias.detach().cpu().numpy() / (scales * scale)).clip(-(2**31) + 1, 2**31 - 1).astype(np.int32)
        weights = self.graph.tensor(numbers.shape, INT8, scales, 0, 3 if deep else 0, numbers)
        biases = self.graph.tensor(bias.shape, INT32, scales * scale, 0, 0, bias)
        side = -(-side // layer.stride)
        out, out_scale = self.output([1, side, side, len(scales)], layer.range)
        options = [(1, "Int32", layer.stride), (2, "Int32", layer.stride)]
        if deep:
            options += [(3, "Int32", 1), (4, "Int8", RELU6 if layer.relu6 else 0), (5, "Int32", 1), (6, "Int32", 1)]
        else:
            options += [(3, "Int8", RELU6 if layer.relu6 else 0), (4, "Int32", 1), (5, "Int32", 1)]
        self.graph.operator(DEPTHWISE if deep else CONVOLUTION, [tensor, weights, biases], out, options)
        self.now = (out, side, out_scale)

    def block(self, block):
        """A block, and the sum with what came in where it has one."""
        before = self.now[0]
        for layer in block.layers:
            self.convolution(layer)
        if block.sum is not None:
            after, side, _ = self.now
            out, scale = self.output([1, side, side, block.layers[-1].weight.shape[0]], block.sum)
            self.graph.operator(ADD, [before, after], out, [])
            self.now = (out, side, scale)

    def mean(self, lies, channels):
        """The mean over the picture."""
        axes = self.graph.tensor([2], INT32, values=np.array([1, 2], np.int32))
        out, scale = self.output([1, 1, 1, channels], lies)
        self.graph.operator(MEAN, [self.now[0], axes], out, [(0, "Bool", True)])
        self.now = (out, 1, scale)

    def flat(self, size, lies, path, description):
        """The embedding as a row, and the end of the file."""
        shape = self.graph.tensor([2], INT32, values=np.array([1, size], np.int32))
        scale, zero = lies.scale()
        out = self.graph.tensor([1, size], INT8, scale, zero, name="embedding")
        new_shape = self.graph.vector([1, size], np.int32)
        self.graph.operator(RESHAPE, [self.now[0], shape], out, [(0, "UOffsetTRelative", new_shape)])
        self.graph.save(path, self.given, out, description)


def write(net, side, path, description):
    """Writes a folded network whose ranges are known; the cart reads in the description which lists of photos it learned from."""
    writer = Writer(side)
    for layer in net.body:
        writer.block(layer) if isinstance(layer, Block) else writer.convolution(layer)
    writer.mean(net.mean, net.embed.weight.shape[1])
    writer.convolution(net.embed)
    writer.flat(net.embed.weight.shape[0], net.embed.range, path, description)


def read(path):
    """Weights, in the network's order of dimensions, and biases of each convolution of a file that `write` wrote."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType  # Here alone, since a machine that only trains needs no runtime.

    file = Interpreter(str(path), experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    file.allocate_tensors()
    details, found = file.get_tensor_details(), []
    # A convolution's biases lie behind its weights; no other tensors of these kinds are neighbours.
    for weights, biases in zip(details, details[1:]):
        if weights["dtype"] == np.int8 and len(weights["shape"]) == 4 and biases["dtype"] == np.int32 and len(biases["quantization_parameters"]["scales"]):
            scales, along = (weights["quantization_parameters"][name] for name in ("scales", "quantized_dimension"))
            numbers = file.get_tensor(weights["index"]).transpose((3, 0, 1, 2) if along else (0, 3, 1, 2))
            values = file.get_tensor(biases["index"]) * biases["quantization_parameters"]["scales"]
            found.append((numbers * scales[:, None, None, None], values.astype(np.float32)))
    return found
