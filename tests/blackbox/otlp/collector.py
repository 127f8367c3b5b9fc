"""A collector that takes what OTLP sends over HTTP, reads it by OpenTelemetry's own descriptions, and writes it down as JSON."""

import argparse
import http.server
import json
import os

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

KINDS = {"/v1/traces": ExportTraceServiceRequest, "/v1/metrics": ExportMetricsServiceRequest}

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int)
arguments = parser.parse_args()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        status = 503 if os.path.exists("busy") else 200
        if status == 200:
            message = KINDS[self.path]()
            message.ParseFromString(body)
            kept = {
                "path": self.path,
                "type": self.headers["content-type"],
                "authorization": self.headers["authorization"],
                "unknown": len(message.SerializeToString()) != len(body),
                "message": MessageToDict(message, preserving_proto_field_name=True),
            }
            with open("taken", "a") as file:
                file.write(json.dumps(kept) + "\n")
        answer = b""
        if os.path.exists("picky") and self.path == "/v1/traces":
            partial = {"rejected_spans": 1, "error_message": "one is too old"}
            answer = ExportTraceServiceResponse(partial_success=partial).SerializeToString()
        self.send_response(status)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", arguments.port), Handler).serve_forever()
