"""A cluster of brokers that are librdkafka's own: it has them for the tests of clients.

Takes the number of brokers as its argument, and orders line by line:

    topic NAME PARTITIONS REPLICAS
    leader TOPIC PARTITION BROKER     (-1 is nobody)
    down BROKER
    up BROKER

It answers each with a line, and first of all says where the brokers listen.
"""

import ctypes
import sys

library = ctypes.CDLL("librdkafka.so.1")
library.rd_kafka_conf_new.restype = ctypes.c_void_p
library.rd_kafka_new.restype = ctypes.c_void_p
library.rd_kafka_mock_cluster_new.restype = ctypes.c_void_p
library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p

PRODUCER = 0
error = ctypes.create_string_buffer(512)
configuration = ctypes.c_void_p(library.rd_kafka_conf_new())
client = ctypes.c_void_p(library.rd_kafka_new(PRODUCER, configuration, error, len(error)))
cluster = ctypes.c_void_p(library.rd_kafka_mock_cluster_new(client, int(sys.argv[1])))
print(library.rd_kafka_mock_cluster_bootstraps(cluster).decode(), flush=True)

ORDERS = {
    "topic": library.rd_kafka_mock_topic_create,
    "leader": library.rd_kafka_mock_partition_set_leader,
    "down": library.rd_kafka_mock_broker_set_down,
    "up": library.rd_kafka_mock_broker_set_up,
}
for line in sys.stdin:
    order, *words = line.split()
    arguments = [int(word) if word.lstrip("-").isdigit() else word.encode() for word in words]
    print(ORDERS[order](cluster, *arguments), flush=True)
