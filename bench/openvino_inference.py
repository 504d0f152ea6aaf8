"""One network in OpenVINO, timed: bench/inference.mjs starts it. Arguments: an ONNX file and the job as JSON.

Answers with one line of JSON. The model gets its true shape, and the hint for the shortest answer, which is what OpenVINO
is fastest with for one request at a time.
"""

import json
import resource
import sys
import time

import numpy
import openvino

onnx, job = sys.argv[1], json.loads(sys.argv[2])
core = openvino.Core()
model = core.read_model(onnx)
model.reshape(job["shape"])
settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": job["threads"], "INFERENCE_PRECISION_HINT": job["precision"]}
compiled = core.compile_model(model, "CPU", settings)
request = compiled.create_infer_request()
images = numpy.sin(numpy.arange(numpy.prod(job["shape"]), dtype=numpy.float32)).reshape(job["shape"])
seconds = []
for i in range(job["settle"] + job["iterations"]):
    start = time.perf_counter()
    request.infer([images])
    if i >= job["settle"]:
        seconds.append(time.perf_counter() - start)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
taken = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
print(json.dumps({"seconds": sorted(seconds)[len(seconds) // 2], "peakBytes": peak, "precision": taken}))
