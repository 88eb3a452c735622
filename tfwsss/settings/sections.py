"""What can be set: sections that every method has, and those that several share."""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pydantic

from tfwsss.backbones.facts import BackboneName, facts_of


class Settings(pydantic.BaseModel):
    """Base of all settings: immutable, typed, and unknown keys are refused.

    `ADDED` names keys that came after runs had been made without them: left at their default they are no part of
    `facts`, so that those runs stay what they are.
    """

    ADDED: ClassVar[tuple[str, ...]] = ()

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)

    @pydantic.field_validator("*")
    @classmethod
    def _paths_that_can_be(cls, value: Any) -> Any:
        for path in value.values() if isinstance(value, dict) else [value]:
            if isinstance(path, Path) and "\0" in str(path):
                raise ValueError("no path holds a zero byte")
        return value

    def facts(self) -> dict[str, Any]:
        """Returns all that changes a result, as JSON values: every key but added ones that are at their default."""
        found = self.model_dump(mode="json")
        added = {key for kind in type(self).__mro__ for key in vars(kind).get("ADDED", ())}
        for key, field in type(self).model_fields.items():
            value = getattr(self, key)
            if key in added and value == field.get_default(call_default_factory=True):
                del found[key]
            elif isinstance(value, Settings):
                found[key] = value.facts()
        return found


FOLDERS = "folders"
"""Value of `data.tags`: each image lies in a folder that is named by its class."""

MAKE = "make"
"""Value of `data.saliency`: the run makes the maps itself."""


class ColumnSettings(Settings):
    """Columns of a table of tags, where their titles do not tell what they hold.

    Args:
        titles: of all columns of a table without a header, in their order; null: its header, or `column 1` and on.
        name: title of the column of file names; null: found by its title or its cells.
        classes: title of the column of classes, or a list of titles, each of a column of 1 and 0 for one class; with
            `least` one title or several, each of a column of scores. Null: found.
        least: columns of classes hold scores, such as the probability of a defect, and an image shows the class of the
            column's title from this score on. Null: they hold names, or 1 and 0.
    """

    titles: Annotated[tuple[str, ...], pydantic.Field(min_length=2)] | None = None
    name: str | None = None
    classes: str | Annotated[tuple[str, ...], pydantic.Field(min_length=1)] | None = None
    least: pydantic.FiniteFloat | None = None


class DataSettings(Settings):
    """Which images a run trains on, and which it makes masks of.

    Args:
        kind: `demo` (the built-in set), `voc` (VOC 2012's folders; classes of one's own by `classes.txt` beside
            `JPEGImages/`) or `folder` (images, and their tags as `tags` tells).
        root: folder of the data; None for `demo`.
        tags: of a `folder`: a table (CSV, TSV, JSON Lines), COCO's JSON, Label Studio's JSON, CVAT's XML of images, or
            YOLO's folder of labels, path below `root` or else as written; `folders`: each image lies in a folder named
            by its class. None: `labels.csv`, or else the only thing of these that is there. What a tool's file draws
            labels its images too, unless the settings below name another file of the kind.
        columns: of a table of tags.
        negative: tag, or several, that says that an image shows no class, such as `good` beside `scratch`.
        split: list of names to train on; `None` means every image.
        pseudo_split: list of names to make pseudo labels of; `None` means the same as `split`.
        val_split: list of names that the segmentation network sees without tags; `None` for none.
        saliency: folder of grey PNGs, 255 = salient; or `make`: a stage of the run makes them, see `refine.saliency`.
            Only methods that use saliency read it, to label images of the run; masks of other photographs, which
            `predict` and an export make, go without.
        boxes: boxes of objects: a folder of VOC's XML files, or JSON. Path below `root`, or else as written, as for the
            next three; docs/weak_labels.md shows the forms. Methods that know only tags go by the tags.
        points: clicks: JSON, or a folder of such files.
        scribbles: a folder of ScribbleSup's XML files or of grey PNGs of ids (255 = not drawn), or JSON.
        full_masks: folder of PNGs of ids, 255 = ignore: masks that supervise the images of their names, beside images
            that have weaker labels. True masks that a data set has anyway are only scored by. `given.STAGE` is another
            thing: it stands for what a stage makes of all images, whatever labels they have.
        difficult: whether VOC's objects marked difficult count, for tags and boxes alike; None: where `boxes` is set.
        max_pixels: larger images are refused from their header.
    """

    kind: Literal["demo", "voc", "folder"] = "demo"
    root: Path | None = None
    tags: Literal["folders"] | Path | None = None
    columns: ColumnSettings = ColumnSettings()
    negative: str | Annotated[tuple[str, ...], pydantic.Field(min_length=1)] | None = None
    split: str | None = None
    pseudo_split: str | None = None
    val_split: str | None = None
    saliency: Literal["make"] | Path | None = None
    boxes: Path | None = None
    points: Path | None = None
    scribbles: Path | None = None
    full_masks: Path | None = None
    difficult: bool | None = None
    max_pixels: pydantic.PositiveInt = 50_000_000

    @pydantic.field_validator("saliency")
    @classmethod
    def _no_folder_of_that_name(cls, saliency: str | Path | None) -> str | Path | None:
        if saliency == Path(MAKE):
            raise ValueError(f"{saliency} would mean both a folder and maps made by the run; write its whole path")
        return saliency


class TensorBoardSettings(Settings):
    """What is written for TensorBoard.

    Args:
        enabled: write scalars, panels and the configuration.
        panels: number of fixed images shown after every epoch; 0 for none.
        profile: first and last training step of a profile; `None` for no profile.
    """

    enabled: bool = True
    panels: pydantic.NonNegativeInt = 6
    profile: tuple[pydantic.PositiveInt, pydantic.PositiveInt] | None = None

    @pydantic.field_validator("profile")
    @classmethod
    def _rising(cls, steps: tuple[int, int] | None) -> tuple[int, int] | None:
        if steps and steps[0] > steps[1]:
            raise ValueError("the first step comes after the last")
        return steps


class CRFSettings(Settings):
    """Dense CRF, by default as the published systems set it.

    Args:
        implementation: `lattice` (in the graph) or `pydensecrf` (the extra `crf`).
        iterations: mean-field iterations; 0 switches the CRF off.
        gaussian_deviation: pixels. gaussian_weight: its Potts weight.
        position_deviation: pixels. colour_deviation: grey levels (0–255). bilateral_weight: their Potts weight.
        certainty: probability of the label that a seed mask gives, where the CRF starts from masks.
    """

    implementation: Literal["lattice", "pydensecrf"] = "lattice"
    iterations: pydantic.NonNegativeInt = 10
    gaussian_deviation: pydantic.PositiveFloat = 3.0
    gaussian_weight: pydantic.NonNegativeFloat = 3.0
    position_deviation: pydantic.PositiveFloat = 80.0
    colour_deviation: pydantic.PositiveFloat = 13.0
    bilateral_weight: pydantic.NonNegativeFloat = 10.0
    certainty: float = pydantic.Field(0.5, gt=0.0, lt=1.0)


class BackboneSettings(Settings):
    """Which network sees the images, and what it knows at the start.

    Args:
        name: `vgg16`, `resnet38`, `resnet50` or `resnet101` (of MXNet; those of Keras are `resnet50_keras` and
            `resnet101_keras`, those of torchvision `resnet50_torch` and `resnet101_torch`), `mobilenet_v2`, `small`
            (for the built-in set), or the transformers `clip_b16`, `dinov2_small` and `dinov2_base`.
        initial: a weights file, `imagenet` (Keras' own download), or None for random weights.
        output_stride: pixels between positions of the maps of `mobilenet_v2` and of ResNets of 50 and 101 layers.
        tap: layer of `mobilenet_v2` whose output is the feature map.
        learning_norm: which batch normalisations of `mobilenet_v2` learn; `after_tap`: those that features do not pass.
        width: factor of all channels; 1 wherever weights are loaded.
        frozen: whether the network's own weights stay as they are; None: those of the transformers do.
    """

    ADDED = ("frozen",)

    name: BackboneName = "vgg16"
    initial: Path | None = Path("imagenet")
    output_stride: Literal[8, 16, 32] = 16
    tap: str = "block_16_project_BN"
    learning_norm: Literal["none", "after_tap", "all"] = "none"
    width: pydantic.PositiveFloat = 1.0
    frozen: bool | None = None

    @property
    def stride(self) -> int:
        """Pixels between positions of the network's maps; some networks leave no choice."""
        return facts_of(self.name).output_stride(self.output_stride)


class ResNet38Settings(BackboneSettings):
    """ResNet-38 of released code where no other network is named; it starts from a file."""

    name: BackboneName = "resnet38"


class RunSettings(Settings):
    """What every method shares; a method's `Config` adds one section a stage.

    Args:
        method: name of the method.
        data: where images, labels and masks come from.
        devices: number of replicas, or a list of device names such as `["GPU:0", "GPU:1"]`. On a machine
            without a GPU a number makes as many logical CPU devices. Under JAX 1: all that a process sees.
        mixed_precision: compute in float16 where that is safe; losses and CRF stay in float32.
        seed: start of every random choice.
        workers: processes for work on single images; 0 means one a core.
        given: stage name to a folder that stands for that stage's artefact; `corrections` to a file, folder or zip of
            masks, scribbles and tags that a person has corrected.
        tensorboard: what is written for TensorBoard.
    """

    method: str
    data: DataSettings = DataSettings()
    devices: pydantic.PositiveInt | Annotated[tuple[str, ...], pydantic.Field(min_length=1)] = 1
    mixed_precision: bool = False
    seed: int = pydantic.Field(0, ge=0, lt=2**32)
    workers: pydantic.NonNegativeInt = 0
    given: dict[str, Path] = {}
    tensorboard: TensorBoardSettings = TensorBoardSettings()
