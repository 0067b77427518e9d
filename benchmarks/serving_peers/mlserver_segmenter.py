"""A segmenter of Privacy-Net as a runtime of MLServer, which starts it by its `model-settings.json`. Tensors go as JSON: of
the binary extension MLServer knows nothing."""

import os
import sys

from mlserver import MLModel
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput

# Where Remnant's dependencies lie; last, so that MLServer keeps its own.
sys.path.append(os.environ["REMNANT_SITE_PACKAGES"])

import numpy as np

from remnant.defenses.privacynet.networks import load_server
from remnant.serve.protocol import CODE, MAPS
from remnant.serve.server.models import maps_of


class Segmenter(MLModel):
    """Its maps of a code."""

    async def load(self) -> bool:
        """Read the network."""
        self.server = load_server(self.settings.parameters.uri)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """The logits of the one code in a request."""
        told = next(one for one in payload.inputs if one.name == CODE)
        code = np.array(told.data.root, dtype=np.float16).reshape(told.shape)
        maps = maps_of(self.server, code)
        output = ResponseOutput(name=MAPS, shape=list(maps.shape), datatype="FP16", data=maps.ravel().tolist())
        return InferenceResponse(id=payload.id, model_name=self.name, outputs=[output])
