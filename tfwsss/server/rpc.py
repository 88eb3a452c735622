"""TensorFlow Serving's gRPC interface, on its official stubs."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import grpc
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from tfwsss.errors import UserError
from tfwsss.logs import LOG
from tfwsss.server import replies
from tfwsss.server.library import Lease, Library, Wanted
from tfwsss.server.messages import arrays_of, message_of
from tfwsss.server.model_configs import ModelConfig, from_message
from tfwsss.server.refusal import Code, Refusal, invalid
from tfwsss.server.requests import Predictor
from tfwsss.server.servable import DEFAULT_SIGNATURE, Signature

Reply = TypeVar("Reply")


def _wanted(spec: model_pb2.ModelSpec) -> Wanted:
    if not spec.name:
        raise invalid("model_spec names no model")
    version = spec.version.value if spec.WhichOneof("version_choice") == "version" else None
    return Wanted(spec.name, version, spec.version_label or None)


async def _answered(context: grpc.aio.ServicerContext, reply: Awaitable[Reply]) -> Reply | None:
    """Waits for a reply and turns whatever is raised into a status.

    `context.abort` would do the same, but its exception and the context hold each other and, with
    them, the request: tens of megabytes until the collector comes.
    """
    try:
        return await reply
    except Refusal as refusal:
        code, details = refusal.code, refusal.message
    except Exception as error:       # a defect of ours: one request fails, the server lives on
        LOG.exception("gRPC")
        code, details = Code.INTERNAL, f"{type(error).__name__} in the server; its log tells more"
    context.set_code(grpc.StatusCode[code.name])
    context.set_details(details)
    return None


def _check_filter(names: Sequence[str], signature: Signature) -> None:
    """Refuses what is no list of different outputs; a filter may name each output once, so a longer one is none."""
    known = signature.outputs
    if len(names) > len(known):
        raise invalid(f"output_filter lists {len(names):,} names; signature {signature.name!r} gives {known}")
    for place, name in enumerate(names):
        if name not in known:
            raise invalid(f"no output {name!r}; signature {signature.name!r} gives {known}")
        if name in names[:place]:
            raise invalid(f"output_filter names {name!r} twice; drop one of them")


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict and GetModelMetadata.

    Args:
        predictor: answers the predict requests.
    """

    def __init__(self, predictor: Predictor):
        self._predictor = predictor

    async def Predict(self, request: predict_pb2.PredictRequest, context: grpc.aio.ServicerContext):
        """Runs a signature of a model."""
        return await _answered(context, self._predict(request, context.time_remaining()))

    async def _predict(self, request: predict_pb2.PredictRequest, seconds: float | None):
        def work(lease: Lease) -> predict_pb2.PredictResponse:
            signature = lease.servable.signature(request.model_spec.signature_name, Code.FAILED_PRECONDITION)
            _check_filter(request.output_filter, signature)
            outputs = self._predictor.run(signature, arrays_of(request.inputs, self._predictor.limits.body))
            response = predict_pb2.PredictResponse()
            response.model_spec.name = lease.model
            response.model_spec.version.value = lease.number
            response.model_spec.signature_name = request.model_spec.signature_name or DEFAULT_SIGNATURE
            for name in request.output_filter or outputs:
                response.outputs[name].CopyFrom(message_of(outputs[name]))
            return response

        return await self._predictor.answer(_wanted(request.model_spec), "GRPC", work, seconds)

    async def GetModelMetadata(self, request: get_model_metadata_pb2.GetModelMetadataRequest,
                               context: grpc.aio.ServicerContext):
        """Tells a model's signatures."""
        return await _answered(context, self._metadata(request))

    async def _metadata(self, request: get_model_metadata_pb2.GetModelMetadataRequest):
        fields = list(request.metadata_field[:2])
        if fields != ["signature_def"]:
            raise invalid(f"metadata_field begins with {fields}; only ['signature_def'] is known")
        lease = self._predictor.library.lease(_wanted(request.model_spec))
        try:
            response = get_model_metadata_pb2.GetModelMetadataResponse()
            response.model_spec.name = lease.model
            response.model_spec.version.value = lease.number
            response.metadata["signature_def"].Pack(replies.definitions(lease))
            return response
        finally:
            lease.give_back()


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """GetModelStatus and HandleReloadConfigRequest.

    Args:
        library: the models.
        models: folder that holds all that may be asked for by a reload.
        reload: takes the new list of models, and returns when they are loaded, the names of those that are not.
    """

    def __init__(self, library: Library, models: Path, reload: Callable[[list[ModelConfig]], list[str]]):
        self._library, self._models, self._reload = library, models.resolve(), reload

    async def GetModelStatus(self, request: get_model_status_pb2.GetModelStatusRequest,
                             context: grpc.aio.ServicerContext):
        """Tells the state of a model's versions."""
        return await _answered(context, self._status(request))

    async def _status(self, request: get_model_status_pb2.GetModelStatusRequest):
        return replies.status(self._library, _wanted(request.model_spec))

    async def HandleReloadConfigRequest(self, request: model_management_pb2.ReloadConfigRequest,
                                        context: grpc.aio.ServicerContext):
        """Serves another list of models from now on."""
        return await _answered(context, self._configure(request))

    async def _configure(self, request: model_management_pb2.ReloadConfigRequest):
        configs = await asyncio.to_thread(self._asked_for, request)
        if missing := await asyncio.to_thread(self._reload, configs):
            raise Refusal(Code.FAILED_PRECONDITION, f"model {missing[0]!r} has no version that loads; what was served "
                          "before goes on, and GetModelStatus tells more")
        return model_management_pb2.ReloadConfigResponse()

    def _asked_for(self, request: model_management_pb2.ReloadConfigRequest) -> list[ModelConfig]:
        try:
            configs = from_message(request.config, self._models, "the request")
            outside = [config.folder for config in configs      # a SavedModel is a program: only this server's own
                       if not config.folder.resolve().is_relative_to(self._models)]
        except (UserError, OSError, ValueError) as error:       # paths of any length and any letters
            raise invalid(str(error)) from error
        if outside:
            raise Refusal(Code.PERMISSION_DENIED, f"{outside[0]} is not under the server's --models")
        return configs
