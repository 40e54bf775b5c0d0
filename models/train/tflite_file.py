"""Reads the backbone's TFLite file as a list of layers and writes a trained network back into it.

The file's own operators and operator versions are kept, so whatever runs the backbone (the TFLite kernels of 2020
included) runs the result. Nothing here trains or measures.
"""

import dataclasses
import pathlib

import flatbuffers
import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

RELU6 = schema.ActivationFunctionType.RELU6
KINDS = {
    schema.BuiltinOperator.QUANTIZE: "quantize",
    schema.BuiltinOperator.CONV_2D: "conv",
    schema.BuiltinOperator.DEPTHWISE_CONV_2D: "depthwise",
    schema.BuiltinOperator.ADD: "add",
    schema.BuiltinOperator.MEAN: "mean",
    schema.BuiltinOperator.RESHAPE: "reshape",
    schema.BuiltinOperator.SOFTMAX: "softmax",
}


@dataclasses.dataclass
class Layer:
    """One operator of the file: what it computes, from which tensors, and its dequantised weights."""

    kind: str
    inputs: list
    output: int
    stride: int = 1
    relu6: bool = False
    weight: np.ndarray = None  # HWIO for "conv", HWC1 for "depthwise"
    bias: np.ndarray = None


class TfliteFile:
    """The backbone file, taken apart."""

    def __init__(self, path):
        self.model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(pathlib.Path(path).read_bytes(), 0))
        self.graph = self.model.subgraphs[0]
        self.layers = [self._layer(operator) for operator in self.graph.operators]
        # The classifier of the backbone is a 1x1 convolution behind the mean: the embedding takes its place.
        self.mean_at = next(i for i, layer in enumerate(self.layers) if layer.kind == "mean")

    def _array(self, index):
        tensor = self.graph.tensors[index]
        dtype = {schema.TensorType.INT8: np.int8, schema.TensorType.INT32: np.int32}[tensor.type]
        raw = np.frombuffer(bytes(self.model.buffers[tensor.buffer].data), dtype)
        return raw.reshape(tensor.shape), tensor.quantization

    def _layer(self, operator):
        code = self.model.operatorCodes[operator.opcodeIndex]
        kind = KINDS[max(code.builtinCode, code.deprecatedBuiltinCode)]
        layer = Layer(kind, [int(operator.inputs[0])], int(operator.outputs[0]))
        if kind == "add":
            layer.inputs = [int(i) for i in operator.inputs]
        if kind in ("conv", "depthwise"):
            layer.stride = operator.builtinOptions.strideW
            layer.relu6 = operator.builtinOptions.fusedActivationFunction == RELU6
            raw, quantization = self._array(operator.inputs[1])
            scale = np.asarray(quantization.scale, np.float32)
            if kind == "conv":
                layer.weight = (raw * scale[:, None, None, None]).transpose(1, 2, 3, 0).astype(np.float32)
            else:
                layer.weight = (raw * scale).transpose(1, 2, 3, 0).astype(np.float32)
            raw, quantization = self._array(operator.inputs[2])
            layer.bias = (raw * np.asarray(quantization.scale, np.float32)).astype(np.float32)
        return layer

    def scale_of(self, tensor):
        """Scale and zero point of an activation tensor."""
        quantization = self.graph.tensors[tensor].quantization
        return float(quantization.scale[0]), int(quantization.zeroPoint[0])

    # Writing. A TfliteFile that has been written to is spent: read the backbone again for the next one.

    def resize(self, side):
        """Sets the input side; every activation follows."""
        size = {self.layers[0].inputs[0]: side}
        for layer in self.layers:
            spatial = 1 if layer.kind == "mean" else -(-size[layer.inputs[0]] // layer.stride)
            size[layer.output] = spatial
            for index in {layer.inputs[0], layer.output}:
                shape = self.graph.tensors[index].shape
                if len(shape) == 4:
                    self.graph.tensors[index].shape = np.array([1, size[index], size[index], shape[3]], np.int32)

    def end_at(self, position):
        """Cuts the graph behind the operator at this position, whose output becomes the output."""
        self.graph.operators = self.graph.operators[: position + 1]
        self.graph.outputs = [self.layers[position].output]

    def set_range(self, tensor, scale, zero_point):
        """Sets the quantisation of an activation tensor."""
        quantization = self.graph.tensors[tensor].quantization
        quantization.scale = np.array([scale], np.float32)
        quantization.zeroPoint = np.array([zero_point], np.int64)

    def set_weights(self, position, values, scales, bias):
        """Puts int8 weights (output channel first, or 1HWC), their scales and a float bias into a convolution."""
        operator = self.graph.operators[position]
        input_scale, _ = self.scale_of(int(operator.inputs[0]))
        bias_scales = scales.astype(np.float64) * input_scale
        whole = np.clip(np.round(bias / bias_scales), -(2**31) + 1, 2**31 - 1).astype(np.int32)
        for index, array, scale in ((operator.inputs[1], values, scales), (operator.inputs[2], whole, bias_scales)):
            tensor = self.graph.tensors[index]
            tensor.shape = np.array(array.shape, np.int32)
            tensor.quantization.scale = scale.astype(np.float32)
            tensor.quantization.zeroPoint = np.zeros(len(scale), np.int64)
            self.model.buffers[tensor.buffer].data = np.frombuffer(array.tobytes(), np.uint8)

    def set_embedding(self, size):
        """Turns the classifier behind the mean into an embedding of this size and ends the graph there."""
        convolution, reshape = self.mean_at + 1, self.mean_at + 2
        self.graph.tensors[self.layers[convolution].output].shape = np.array([1, 1, 1, size], np.int32)
        self.graph.tensors[self.layers[reshape].output].shape = np.array([1, size], np.int32)
        target = self.graph.tensors[self.graph.operators[reshape].inputs[1]]
        self.model.buffers[target.buffer].data = np.frombuffer(np.array([1, size], np.int32).tobytes(), np.uint8)
        options = self.graph.operators[reshape].builtinOptions
        if options is not None:
            options.newShape = np.array([1, size], np.int32)
        self.end_at(reshape)

    def save(self, path, description="dashcart"):
        """Writes the graph without the tensors and buffers that nothing uses any more."""
        used = set(int(i) for o in self.graph.operators for i in [*o.inputs, *o.outputs])
        used |= {int(i) for i in self.graph.inputs}
        order = sorted(used)
        place = {old: new for new, old in enumerate(order)}
        buffers = [self.model.buffers[0]]
        tensors = []
        for old in order:
            tensor = self.graph.tensors[old]
            content = self.model.buffers[tensor.buffer]
            if content.data is None or len(content.data) == 0:
                tensor.buffer = 0
            else:
                tensor.buffer = len(buffers)
                buffers.append(content)
            tensors.append(tensor)
        for operator in self.graph.operators:
            operator.inputs = np.array([place[int(i)] for i in operator.inputs], np.int32)
            operator.outputs = np.array([place[int(i)] for i in operator.outputs], np.int32)
        self.graph.inputs = np.array([place[int(i)] for i in self.graph.inputs], np.int32)
        self.graph.outputs = np.array([place[int(i)] for i in self.graph.outputs], np.int32)
        self.graph.tensors, self.model.buffers = tensors, buffers
        codes = sorted({o.opcodeIndex for o in self.graph.operators})
        for operator in self.graph.operators:
            operator.opcodeIndex = codes.index(operator.opcodeIndex)
        self.model.operatorCodes = [self.model.operatorCodes[i] for i in codes]
        self.model.metadata, self.model.metadataBuffer, self.model.signatureDefs = None, None, None
        self.model.description = description
        builder = flatbuffers.Builder(8 << 20)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        pathlib.Path(path).write_bytes(bytes(builder.Output()))
