"""Writes what the pages take from the program itself: each method's settings, and its stages as a drawing.

`python docs/generated.py FOLDER` leaves `settings_METHOD.md` (sections of its own), `settings_run.md` (those of every
run) and `stages_METHOD.svg`.
"""

import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

COLOURS = {"model": "#c9b1e8", "scores": "#a9c9ec", "probabilities": "#a4dbe4", "masks": "#a8d8b0",
           "marginals": "#c3d7ee", "regions": "#ecd8a4", "saliency": "#ecc3a4"}
"""Of each kind of stage."""

LAST = ("segmenter", "relabel", "masks")
"""Sections with which every method ends."""

_ROW, _BOX, _LEFT, _STEP = 44, (150, 28), 12, 13


def main(folder: Path) -> None:
    """Writes all files.

    Args:
        folder: made where it is missing.
    """
    from tfwsss import methods

    folder.mkdir(parents=True, exist_ok=True)
    for name in methods.METHODS:
        own = methods.get(name)
        config = own.config(method=name)
        (folder / f"settings_{name}.md").write_text(settings(config, own=True), encoding="utf-8")
        (folder / f"stages_{name}.svg").write_text(drawing(listed_stages(own, config)), encoding="utf-8")
    (folder / "settings_run.md").write_text(settings(config, own=False), encoding="utf-8")


def settings(config: Any, own: bool) -> str:
    """Returns the tables of some settings.

    Args:
        config: a method's settings.
        own: the sections of the method, in place of those that every run has.
    """
    from tfwsss.settings.reference import as_markdown, keys_of
    from tfwsss.settings.sections import RunSettings

    def of_every_run(path: str) -> bool:
        section, _, key = path.rpartition(".")
        return section in ("data", "tensorboard") or not section and key in RunSettings.model_fields

    keys = [key for key in keys_of(config) if of_every_run(key.path) != own and key.path != "method"]
    order = list(dict.fromkeys(["", *(key.path.rpartition(".")[0] for key in keys)]))
    keys.sort(key=lambda key: (key.path.split(".")[0] in LAST, order.index(key.path.rpartition(".")[0])))
    return as_markdown(keys).replace("## Every run", "## The method itself" if own else "## Every run")


def listed_stages(method: Any, config: Any) -> list:
    """Returns the stages of a method with its default settings, as it lists them for a small data set.

    Args:
        method: of `tfwsss.methods.get`.
        config: its settings.
    """
    import tempfile

    from tfwsss.data.image_set import ImageSet
    from tfwsss.data.sources import Splits
    from tfwsss.palette import voc_palette

    with tempfile.TemporaryDirectory() as folder:
        names = ("first", "second")
        files = {name: Path(folder, f"{name}.png") for name in names}
        for path in files.values():
            path.touch()
        images = ImageSet(names, Path(folder), ("background", "thing"), voc_palette(), images=files,
                          labels=dict.fromkeys(names, (0,)), masks=files)
        return method.stages(config, Splits(images, images, images))


def drawing(stages: list) -> str:
    """Draws stages from top to bottom; what a stage reads beyond the one above it comes by a line on the right.

    Args:
        stages: in order; each has `name`, `kind` and `needs`.

    Returns:
        SVG.
    """
    rows = {stage.name: row for row, stage in enumerate(stages)}
    lanes = dict(_lanes([(rows[need], rows[stage.name]) for stage in stages for need in stage.needs if need in rows]))
    width = _LEFT + _BOX[0] + _STEP * (2 + max(lanes.values(), default=0))
    shapes = [_line(*ends, lane) for ends, lane in lanes.items()]
    shapes += [_box(row, stage.name, stage.kind) for row, stage in enumerate(stages)]
    shapes += _key(width, stages)
    title = escape("stages in order: " + ", ".join(f"{stage.name} ({stage.kind})" for stage in stages))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width + 110} {_ROW * len(stages)}" '
            f'width="{width + 110}" role="img" font-family="sans-serif" font-size="13"><title>{title}</title>\n'
            + "\n".join(shapes) + "\n</svg>\n")


def _lanes(ends: list[tuple[int, int]]) -> Iterator[tuple[tuple[int, int], int]]:
    """Yields a lane for each line, 0 for the straight one between neighbours; lines of one lane do not meet."""
    taken: dict[int, list[tuple[int, int]]] = {}
    for first, last in sorted(set(ends), key=lambda pair: (pair[1] - pair[0], pair)):
        lane = 0
        if last - first > 1:
            lane = 1
            while any(begin < last and first < end for begin, end in taken.get(lane, ())):
                lane += 1
            taken.setdefault(lane, []).append((first, last))
        yield (first, last), lane


def _line(first: int, last: int, lane: int) -> str:
    x, (width, height) = _LEFT, _BOX
    if not lane:
        path = f"M{x + width / 2:g} {_ROW * first + height + 4} V{_ROW * last + 4}"
        tip = f"M{x + width / 2 - 4:g} {_ROW * last - 2} l4 6 l4 -6z"
    else:
        side = x + width + _STEP * lane
        path = f"M{x + width} {_ROW * first + 22} H{side} V{_ROW * last + 14} H{x + width}"
        tip = f"M{x + width + 6} {_ROW * last + 10} l-6 4 l6 4z"
    return f'<path d="{path}" fill="none" stroke="#777"/><path d="{tip}" fill="#777"/>'


def _box(row: int, name: str, kind: str) -> str:
    x, y, (width, height) = _LEFT, _ROW * row + 4, _BOX
    return (f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="5" fill="{COLOURS[kind]}" stroke="#777"/>'
            f'<text x="{x + width / 2:g}" y="{y + 19}" text-anchor="middle" fill="#111">{escape(name)}</text>')


def _key(left: int, stages: list) -> list[str]:
    """Draws what the colours mean, on the right."""
    kinds = list(dict.fromkeys(stage.kind for stage in stages))
    return [f'<rect x="{left + 8}" y="{6 + 20 * row}" width="14" height="14" rx="3" fill="{COLOURS[kind]}" '
            f'stroke="#777"/><text x="{left + 28}" y="{18 + 20 * row}" fill="#777">{kind}</text>'
            for row, kind in enumerate(kinds)]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
