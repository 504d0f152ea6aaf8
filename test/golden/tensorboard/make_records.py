"""Records of an event file as tensorboard itself writes them, and a reading of event files by its EventAccumulator.

    python make_records.py            writes records.json
    python make_records.py FOLDER...  prints what tensorboard finds there: tags, and each scalar's steps

Needs: pip install tensorboard
"""

import base64
import io
import json
import pathlib
import sys

from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer.record_writer import RecordWriter


def record(event):
    out = io.BytesIO()
    RecordWriter(out).write(event.SerializeToString())
    return base64.b64encode(out.getvalue()).decode()


def make():
    seconds = 1795531081.25
    summary = summary_pb2.Summary
    histogram = summary_pb2.HistogramProto(
        min=-2, max=6, num=7, sum=14, sum_squares=4 * 7 + 9 * 7, bucket_limit=[-2, 2, 6], bucket=[0, 3, 4]
    )
    image = summary.Image(height=2, width=300, colorspace=3, encoded_image_string=b"\x89PNG")
    value = summary.Value
    records = {
        "version": event_pb2.Event(wall_time=seconds, file_version="brain.Event:2"),
        "start": event_pb2.Event(
            wall_time=seconds, step=783, session_log=event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        ),
        "scalars": event_pb2.Event(
            wall_time=seconds,
            step=5_000_000_000,
            summary=summary(value=[value(tag="loss/step", simple_value=1.5), value(tag="a b", simple_value=-1e-30)]),
        ),
        "image": event_pb2.Event(wall_time=seconds, step=1, summary=summary(value=[value(tag="sheet", image=image)])),
        "histogram": event_pb2.Event(
            wall_time=seconds, step=1, summary=summary(value=[value(tag="weights/x", histo=histogram)])
        ),
    }
    path = pathlib.Path(__file__).with_name("records.json")
    path.write_text(json.dumps({name: record(event) for name, event in records.items()}, indent=2) + "\n")


def read(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    everything = {"scalars": 0, "images": 0, "histograms": 0}
    found = EventAccumulator(folder, size_guidance=everything).Reload()
    tags = found.Tags()
    print(folder, {kind: tags[kind] for kind in everything})
    for tag in tags["scalars"]:
        steps = [event.step for event in found.Scalars(tag)]
        assert steps == sorted(set(steps)), (tag, steps)
        print(tag, len(steps), "steps from", steps[0], "to", steps[-1])


if len(sys.argv) > 1:
    for folder in sys.argv[1:]:
        read(folder)
else:
    make()
