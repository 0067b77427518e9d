"""A segmenter of Privacy-Net served by KServe: `python kserve_segmenter.py SEGMENTER PORT SITE_PACKAGES`.

KServe is installed in an interpreter of its own; SITE_PACKAGES, where Remnant's dependencies lie, come last, so that KServe keeps
its own.
"""

import sys

from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer

sys.path.append(sys.argv[3])

import numpy as np

from remnant.defenses.privacynet.networks import load_server
from remnant.serve.protocol import CODE, MAPS
from remnant.serve.server.models import maps_of


class Segmenter(Model):
    """Its maps of a code, in binary form as ours are."""

    def load(self) -> bool:
        """Read the network."""
        self.server = load_server(sys.argv[1])
        self.ready = True
        return True

    def predict(self, payload: InferRequest, headers=None, response_headers=None) -> InferResponse:
        """The logits of the one code in a request."""
        code = next(one for one in payload.inputs if one.name == CODE).as_numpy().astype(np.float16)
        maps = maps_of(self.server, code)
        output = InferOutput(MAPS, list(maps.shape), "FP16")
        output.set_data_from_numpy(maps, binary_data=True)
        return InferResponse(payload.id, self.name, [output], use_binary_outputs=True)

    def get_input_types(self):
        """Of the metadata."""
        return [{"name": CODE, "datatype": "FP16", "shape": [1, *self.server.shape]}]

    def get_output_types(self):
        """Likewise."""
        return [{"name": MAPS, "datatype": "FP16", "shape": [len(self.server.classes), *self.server.shape]}]


if __name__ == "__main__":
    model = Segmenter("net")
    model.load()
    ModelServer(http_port=int(sys.argv[2]), enable_grpc=False).start([model])
