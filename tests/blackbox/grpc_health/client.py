"""Asks a server for its health by grpc.health.v1, as the clients that come with gRPC do, and prints what it says."""

import argparse
import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

parser = argparse.ArgumentParser()
parser.add_argument("address")
parser.add_argument("method", choices=["Check", "List", "Watch"])
parser.add_argument("service", nargs="?", default="")
parser.add_argument("--ca")
parser.add_argument("--token")
arguments = parser.parse_args()

if arguments.ca:
    with open(arguments.ca, "rb") as file:
        channel = grpc.secure_channel(arguments.address, grpc.ssl_channel_credentials(file.read()))
else:
    channel = grpc.insecure_channel(arguments.address)
stub = health_pb2_grpc.HealthStub(channel)
metadata = [("authorization", f"Bearer {arguments.token}")] if arguments.token else []
request = health_pb2.HealthCheckRequest(service=arguments.service)


def word(response):
    return health_pb2.HealthCheckResponse.ServingStatus.Name(response.status)


try:
    if arguments.method == "Check":
        print(word(stub.Check(request, metadata=metadata, timeout=30)))
    elif arguments.method == "List":
        listed = stub.List(health_pb2.HealthListRequest(), metadata=metadata, timeout=30)
        for service in sorted(listed.statuses):
            print(service or "(all)", word(listed.statuses[service]))
    else:
        for response in stub.Watch(request, metadata=metadata):
            print(word(response), flush=True)
        print("end", flush=True)
except grpc.RpcError as error:
    print(error.code().name, error.details(), flush=True)
    sys.exit(1)
