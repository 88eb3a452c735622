"""The rule of OAA and MCIS on arrays, one pixel at a time."""

import numpy as np


def proxy_labels(maps, saliency=None, threshold=0.3, conflict=0.99, foreground=0.3, strong=0.95, salient=32,
                 share=0.01) -> np.ndarray:
    """Returns int `(row, column)`, 255 undecided, of maps `(class, row, column)`."""
    rows, columns = saliency.shape if saliency is not None else maps.shape[1:]
    planes = [one.astype(np.float64) for one in maps]
    planes = [(one - one.min()) / (one.max() - one.min() + 1e-8) for one in planes]
    labels = np.zeros((rows, columns), int)
    for place in np.ndindex(rows, columns):
        byte = 0 if saliency is None else int(saliency[place])
        background = np.float32(threshold) if saliency is None else np.float32(1) - np.float32(byte) / np.float32(255)
        scores = [background, *(np.float32(one[place]) for one in planes)]
        scores = [np.float32(0) if score < np.float32(foreground) else score for score in scores]
        label = max(range(len(scores)), key=lambda channel: (scores[channel], -channel))
        if sum(score > np.float32(conflict) for score in scores) > 1:
            label = 255
        if label == 0 and (byte >= salient or any(one[place] > strong for one in planes)):
            label = 255
        labels[place] = label
    covered = np.sum((labels > 0) & (labels < 255)) / (rows * columns)
    return np.full_like(labels, 255) if covered < share else labels
