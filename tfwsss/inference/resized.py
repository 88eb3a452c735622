"""Class maps of whole images that are brought to one size each, averaged over scales and mirror images."""

from collections.abc import Callable, Mapping

from keras import ops

from tfwsss.batches.frames import in_frame
from tfwsss.inference.mirrored import as_kept, both_ways, mean_of_ways
from tfwsss.inference.views import Resized
from tfwsss.ops.resize import resize


def see_resized(network: Callable, view: Resized, images) -> Mapping:
    """Shows images to a network at the size at which it was trained, as the programs of OAA and MCIS do.

    Maps of further scales are brought to the grid of the first, and averaged. Features
    are seen in one way and stay as they are.

    Args:
        network: float32 `(batch, row, column, 3)` to a dictionary of maps.
        view: size, scales and mirror.
        images: uint8 `(batch, row, column, 3)`.

    Returns:
        Maps float32 `(batch, row', column', channel)` by the network's keys; they cover the whole images.
    """
    passes: list[dict] = []
    for scale in view.scales:
        seen = in_frame(images, view.frame(scale))
        if view.features:
            return network(seen)
        found = mean_of_ways(network(both_ways(seen, view.mirror)), view.mirror)
        if passes:
            found = {key: resize(maps, *ops.shape(passes[0][key])[1:3], align_corners=view.stride is not None)
                     for key, maps in found.items()}
        passes.append(found)
    return {key: as_kept(sum(maps[key] for maps in passes) / len(passes)) for key in passes[0]}
