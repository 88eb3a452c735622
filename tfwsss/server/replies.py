"""Answers that both interfaces give: the state of a model's versions, and its signatures."""

from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2

from tfwsss.server.library import Lease, Library, Wanted
from tfwsss.server.refusal import Code


def status(library: Library, wanted: Wanted) -> get_model_status_pb2.GetModelStatusResponse:
    """Returns the state of a model's versions.

    Args:
        library: the models.
        wanted: all versions of a model, or one.

    Returns:
        The message, newest version first.

    Raises:
        Refusal: there is no such model, version or label.
    """
    reply = get_model_status_pb2.GetModelStatusResponse()
    for version in library.status(wanted):
        entry = reply.model_version_status.add(version=version.number)
        entry.state = get_model_status_pb2.ModelVersionStatus.State.Value(version.state)
        entry.status.error_code = Code.UNKNOWN if version.error else 0
        entry.status.error_message = version.error
    return reply


def definitions(lease: Lease) -> get_model_metadata_pb2.SignatureDefMap:
    """Returns the signatures of a version as its file describes them.

    Args:
        lease: the version.

    Returns:
        Name to signature.
    """
    reply = get_model_metadata_pb2.SignatureDefMap()
    for name, definition in lease.servable.signature_defs.items():
        reply.signature_def[name].CopyFrom(definition)
    return reply
