"""Images a second of `label`: the plain loop and Beam inside of the command, in turns; and of 100,000 tiny images.

Each figure is that of whole calls, files to files, in processes of their own. Starting, loading and tracing are taken
out by a second call with few images:

    rate = (many - few) / (seconds(many) - seconds(few))

The model is an export of MobileNetV2 with random weights, one view, no CRF (`benchmarks/predict.py`); or `--model`.
With `--tiny N` one call of Beam's makes masks of N pictures of 16 pixels by a model that does nothing but decode,
compare and encode: what is measured is everything but the network. It tells the seconds of each tenth, by the times of
the masks, and the memory of all processes.

    python benchmarks/label.py --images photographs
    python benchmarks/label.py --tiny 100000

The last line is JSON. Needs Beam (`make venv-beam`) and an idle machine.
"""

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(HERE), str(HERE / "benchmarks")]
FEW = 8


def call(model: Path, images: str, out: Path, runner: str, workers: int, memory: list | None = None) -> float:
    """Runs the command; returns its seconds, and adds the MiB of all its processes now and then to `memory`."""
    command = [sys.executable, "-m", "tfwsss.label", "--model", model, "--images", images, "--out", out, "--runner",
               runner, "--workers", str(workers)]
    environment = {**os.environ, "PYTHONPATH": str(HERE), "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as told:
        process = subprocess.Popen(list(map(str, command)), env=environment, stdout=told, stderr=told)
        if memory is not None:
            threading.Thread(target=watch, args=(process, memory, start), daemon=True).start()
        if process.wait():
            told.seek(0)
            sys.exit(told.read())
    return time.perf_counter() - start


def watch(process: subprocess.Popen, memory: list, start: float, pause: float = 2.0) -> None:
    """Adds seconds and MiB (Linux: PSS of the process and all below it) until the process ends."""
    while process.poll() is None:
        memory.append((time.perf_counter() - start, sum(map(proportional, family(process.pid)))))
        time.sleep(pause)


def family(process: int) -> list[int]:
    """Returns a process and all below it."""
    found = [process]
    for one in found:
        for path in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                found += map(int, path.read_text().split())
            except OSError:
                continue
    return found


def proportional(process: int) -> float:
    """Returns the MiB of a process, of what is shared its part; 0 where it has ended."""
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) / 1024


def make_model(folder: Path) -> Path:
    """Exports a run of MobileNetV2 with random weights, in a process of its own."""
    script = ("import sys; from pathlib import Path; import predict; from tfwsss.saved_model.export import export; "
              "base = Path(sys.argv[1]); predict.write_models(base / 'models'); "
              "predict.write_run(base / 'run', 'one view'); export(base / 'run', base / 'export')")
    done = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=False,
                          env={**os.environ, "PYTHONPATH": f"{HERE}:{HERE / 'benchmarks'}"})
    if done.returncode:
        sys.exit(done.stderr)
    return folder / "export"


def compare(options: argparse.Namespace, base: Path) -> dict:
    """Returns images a second of both runners, medians, and their ratio."""
    import predict

    model = options.model or make_model(base)
    predict.write_images(base / "images", options.images, options.count)
    (base / "few").mkdir()
    paths = sorted((base / "images").iterdir())
    for path in paths[:: max(1, len(paths) // FEW)][:FEW]:
        (base / "few" / path.name).symlink_to(path.resolve())
    rates: dict[str, list[float]] = {"loop": [], "direct": []}
    masks = {}
    for turn in range(options.repeats):
        for runner, found in rates.items():
            seconds = []
            for source in ("few", "images"):
                out = base / f"{runner} {source} {turn}"
                seconds.append(call(model, f"{base / source}/*", out, runner, options.workers))
            masks[runner] = {path.name: path.read_bytes() for path in (out / "masks").iterdir()}
            found.append((len(paths) - FEW) / (seconds[1] - seconds[0]))
            print(runner, turn, f"{found[-1]:.2f} images a second, {seconds[0]:.1f} s with {FEW}", flush=True)
    loop, direct = (statistics.median(found) for found in rates.values())
    return {"images": len(paths), "loop": round(loop, 2), "direct": round(direct, 2), "ratio": round(direct / loop, 3),
            "loop a core": round(loop / options.workers, 2), "direct a core": round(direct / options.workers, 2),
            "equal": masks["loop"] == masks["direct"]}


def tiny(options: argparse.Namespace, base: Path) -> dict:
    """Returns seconds of each tenth of the masks, and memory at the first, fifth and last of them."""
    import numpy as np
    from PIL import Image

    from tests.support.tiny_export import write_export

    pictures, random = [], np.random.default_rng(0)
    for _ in range(100):
        Image.fromarray(random.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(buffer := io.BytesIO(), "JPEG")
        pictures.append(buffer.getvalue())
    for number in range(options.tiny):
        path = base / "images" / f"{number // 1000:06d}" / f"{number:09d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pictures[number % len(pictures)])
    memory: list[tuple[float, float]] = []
    began = time.time()
    total = call(write_export(base / "export"), f"{base}/images/**", base / "out", options.runner, options.workers,
                 memory)
    times = sorted(path.stat().st_mtime for path in (base / "out" / "masks").rglob("*.png"))
    marks = [times[0], *(times[len(times) * tenth // 10 - 1] for tenth in range(1, 11))]
    tenths = [later - sooner for sooner, later in zip(marks, marks[1:], strict=False)]
    mean = statistics.mean(tenths)
    held = [max((mib for when, mib in memory if sooner <= began + when <= later), default=None)
            for sooner, later in zip(marks, marks[1:], strict=False)]
    return {"images": len(times), "seconds": round(total, 1), "before the first": round(marks[0] - began, 1),
            "images a second": round(len(times) / sum(tenths), 1),
            "seconds of each tenth": [round(x, 2) for x in tenths],
            "furthest from the mean": round(max(abs(x / mean - 1) for x in tenths), 3),
            "MiB in each tenth": [None if mib is None else round(mib) for mib in held]}


def main() -> None:
    """Measures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="an exported model; by default MobileNetV2 with random weights")
    parser.add_argument("--images", type=Path, help="folder of photographs; by default pictures are drawn")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--tiny", type=int, help="number of pictures of 16 pixels")
    parser.add_argument("--runner", default="direct", help="of --tiny")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = (tiny if options.tiny else compare)(options, Path(folder))
    print(json.dumps({"cores": os.cpu_count(), "workers": options.workers, **result}))


if __name__ == "__main__":
    main()
