"""Trained networks on disk: Keras files without their optimiser."""

from pathlib import Path

import keras

from tfwsss.artefacts.files import aside
from tfwsss.errors import UserError, named


def write_model(folder: Path, model: keras.Model) -> None:
    """Writes a Keras model without its optimiser as `model.keras`.

    Args:
        folder: folder of the stage.
        model: every class of which is registered; one that has a `whole` form is kept in that.
    """
    model = model.whole() if hasattr(model, "whole") else model
    optimizer, model.optimizer, model.compiled = getattr(model, "optimizer", None), None, False
    try:
        with aside(folder / "model.keras", ".keras") as file:
            model.save(file)
    finally:
        model.optimizer, model.compiled = optimizer, optimizer is not None


def load_model(folder: Path, kind: type[keras.Model] | tuple[type[keras.Model], ...]) -> keras.Model:
    """Loads the network that a stage has trained.

    Args:
        folder: of the stage; `model.keras` is read, by our own classes only.
        kind: class that it must be of, or several.

    Returns:
        keras.Model without optimiser.

    Raises:
        UserError: the file is missing or damaged, or holds another network.
    """
    path = folder / "model.keras"
    if not path.is_file():
        raise UserError(f"{path}: no such file; let python -m tfwsss.train finish its stage")
    with named(f"{path}:", f"train again with --redo {folder.name}"):
        model = keras.saving.load_model(path, compile=False)
    if not isinstance(model, kind):
        expected = " or ".join(each.__name__ for each in (kind if isinstance(kind, tuple) else (kind,)))
        raise UserError(f"{path}: holds a {type(model).__name__}; "
                        f"expected the {expected} that python -m tfwsss.train wrote")
    return model
