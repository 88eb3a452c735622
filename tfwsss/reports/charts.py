"""Charts of a run as SVG: they stay sharp at any size and need no files beside the page."""

import io
from collections.abc import Mapping, Sequence

import numpy as np

INK, MUTED, LINE = "#1c2430", "#5b6675", "#e3e7ec"
COLOURS = ("#1f5f8b", "#b8541a", "#3b7d4f", "#7a4f9a", "#8a6d00", "#4a5560")
"""Line colours, told apart in print and by colour-blind readers."""

_ACROSS = 3
_LOG_FROM = 30.0


def threshold_chart(curves: Mapping[str, Sequence[Sequence[float | None]]],
                    chosen: Mapping[str, float] | None = None) -> bytes:
    """Draws mean IoU against the background threshold, one line a stage, its best point marked.

    Args:
        curves: stage to pairs of threshold and mean IoU in 0–1 (None is a gap).
        chosen: stage to the threshold that was chosen without masks; a dashed line.

    Returns:
        SVG.
    """
    figure = _figure(6.6, 3.8)
    axes = _axes(figure, 1, 1, 1)
    for (stage, curve), colour in zip(curves.items(), _colours(len(curves)), strict=True):
        thresholds, scores = np.array([[x, np.nan if y is None else 100 * y] for x, y in curve], float).T
        axes.plot(thresholds, scores, color=colour, linewidth=1.8, label=_plain(stage))
        if np.isfinite(scores).any():
            best = int(np.nanargmax(scores))
            axes.plot(thresholds[best], scores[best], "o", color=colour, markersize=6)
            axes.annotate(f"{scores[best]:.1f} at {thresholds[best]:g}", (thresholds[best], scores[best]),
                          textcoords="offset points", xytext=(0, 7), ha="center", color=colour, fontsize=9)
        if chosen and stage in chosen:
            axes.axvline(chosen[stage], color=colour, linewidth=1, linestyle=(0, (4, 3)),
                         label=_plain(f"{stage}: chosen without masks, {chosen[stage]:g}"))
    axes.set_xlabel("background threshold", color=MUTED)
    axes.set_ylabel("mean IoU (%)", color=MUTED)
    axes.margins(y=0.15)
    figure.legend(loc="outside upper left", ncols=2, frameon=False, fontsize=9, labelcolor=INK)
    return _svg(figure)


def history_chart(history: Sequence[Mapping[str, float]]) -> bytes:
    """Draws each term that a training logged against the epoch, every term in a chart of its own scale.

    A term that falls by more than a factor of 30 gets a logarithmic scale.

    Args:
        history: logs of each epoch.

    Returns:
        SVG.
    """
    terms = list(dict.fromkeys(key for logs in history for key in logs))
    terms.sort(key=lambda term: (term.startswith("val_"), term != "loss", term == "learning_rate"))
    down = -(-len(terms) // _ACROSS)
    figure = _figure(9.6, 2.3 * down)
    epochs = np.arange(1, len(history) + 1)
    for place, term in enumerate(terms):
        values = np.array([logs.get(term, np.nan) for logs in history], float)
        axes = _axes(figure, down, _ACROSS, place + 1)
        axes.plot(epochs, values, color=COLOURS[0], linewidth=1.8, marker="o" if len(values) < 13 else None,
                  markersize=3.5)
        axes.set_title(_plain(term.replace("_", " ")), loc="left", fontsize=10, color=INK)
        axes.xaxis.get_major_locator().set_params(integer=True)
        finite = values[np.isfinite(values)]
        if finite.size and finite.min() > 0 and finite.max() > _LOG_FROM * finite.min():
            axes.set_yscale("log")
    return _svg(figure)


def _figure(width: float, height: float):
    import matplotlib.figure  # a figure of its own: no window system, no global state

    return matplotlib.figure.Figure((width, height), layout="constrained")


def _axes(figure, down: int, across: int, place: int):
    axes = figure.add_subplot(down, across, place)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(LINE)
    axes.tick_params(colors=MUTED, labelsize=9, length=0)
    axes.grid(axis="y", color=LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    return axes


def _colours(count: int) -> list[str]:
    return [COLOURS[place % len(COLOURS)] for place in range(count)]


def _plain(text: str) -> str:
    return text.replace("$", r"\$").removeprefix("_")     # no formulas; matplotlib hides labels that begin with "_"


def _svg(figure) -> bytes:
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "tfwsss"}):   # the same run gives the same bytes
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
