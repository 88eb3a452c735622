import keras
import numpy as np
import pytest

from tfwsss.backbones.small import small
from tfwsss.inference.graph_nodes import NodeReader
from tfwsss.models.window_affinity import WindowAffinityNet, graph_network


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    return graph_network(WindowAffinityNet(small(width=0.1), widths=(2, 4, 8)), radius=2)


@pytest.mark.parametrize("size", [(24, 32), (21, 30), (3, 1)])
def test_an_image_is_padded_to_whole_cells(network, size):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    read = NodeReader(network, (9.0, 8.0, 7.0))
    assert read.stride == 4
    rows, columns = (-(-side // 4) for side in size)
    full = np.broadcast_to(np.array([9.0, 8.0, 7.0], "float32"), (1, rows * 4, columns * 4, 3)).copy()
    full[0, :size[0], :size[1]] = image
    found, expected = read(image), network(full)
    np.testing.assert_allclose(found.features, expected["features"][0], atol=1e-5)
    np.testing.assert_allclose(found.affinity, expected["affinity"][0], atol=1e-5)
    assert found.features.shape[:2] == (rows, columns) and found.affinity.shape[-1] == 12


def test_colours_are_the_means_of_the_two_middle_pixels_of_a_cell_of_the_normalised_image(network):
    """Along both sides; padding is ImageNet's mean colour."""
    image = np.random.default_rng(0).integers(0, 256, (6, 9, 3)).astype(np.uint8)
    normalised = np.zeros((8, 12, 3))
    normalised[:6, :9] = (image / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    cells = normalised.reshape(2, 4, 3, 4, 3)[:, 1:3, :, 1:3].mean(axis=(1, 3))
    np.testing.assert_allclose(NodeReader(network, (0, 0, 0))(image).colours, cells, atol=1e-5)
