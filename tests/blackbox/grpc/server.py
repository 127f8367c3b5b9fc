"""A gRPC server with the health service of grpcio, and what else a test asks for."""

import argparse
import concurrent.futures
import pathlib
import time

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--tls", action="store_true", help="with server.crt and server.key")
parser.add_argument("--unhealthy", action="store_true", help="without the health service")
parser.add_argument("--token", help="what callers must show, as text or in bytes")
options = parser.parse_args()


class Gate(grpc.ServerInterceptor):
    """Lets nobody in but those who know the token."""

    def intercept_service(self, continuation, details):
        handler = continuation(details)
        given = dict(details.invocation_metadata)
        token = given.get("authorization", "").removeprefix("Bearer ") or given.get("token-bin", b"").decode()

        def answer(request, context):
            if token == "guest":
                context.abort(grpc.StatusCode.PERMISSION_DENIED, "no guests")
            if options.token not in (None, token):
                context.abort(grpc.StatusCode.UNAUTHENTICATED, f"who is „{token}“?")
            return handler.unary_unary(request, context)

        return handler and grpc.unary_unary_rpc_method_handler(
            answer, request_deserializer=handler.request_deserializer, response_serializer=handler.response_serializer
        )


server = grpc.server(
    concurrent.futures.ThreadPoolExecutor(4), interceptors=[Gate()], options=[("grpc.so_reuseport", 0)]
)
servicer = health.HealthServicer()
if not options.unhealthy:
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
address = f"127.0.0.1:{options.port}"
if options.tls:
    pair = (pathlib.Path("server.key").read_bytes(), pathlib.Path("server.crt").read_bytes())
    server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
else:
    server.add_insecure_port(address)
server.start()

# Each line is the name of a service and its status; the tests change them as they go.
while True:
    for line in pathlib.Path("statuses").read_text().splitlines():
        service, _, status = line.rpartition(" ")
        servicer.set(service, health_pb2.HealthCheckResponse.ServingStatus.Value(status))
    time.sleep(0.05)
