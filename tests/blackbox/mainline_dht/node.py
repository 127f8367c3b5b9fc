"""A node of the mainline DHT: that of libtorrent."""

import argparse
import pathlib
import time

import libtorrent

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("others", type=int, nargs="*", help="the ports of other nodes")
options = parser.parse_args()

session = libtorrent.session(
    {
        "listen_interfaces": f"127.0.0.1:{options.port}",
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
        # Public ones by default.
        "dht_bootstrap_nodes": "",
        # All nodes are on one machine.
        "dht_restrict_routing_ips": False,
        "dht_restrict_search_ips": False,
        "dht_enforce_node_id": False,
        "dht_prefer_verified_node_ids": False,
        "dht_ignore_dark_internet": False,
        # A check asks more often here than any would.
        "dht_block_ratelimit": 100_000,
        "dht_block_timeout": 1,
        "dht_upload_rate_limit": 1_000_000,
        "alert_mask": libtorrent.alert.category_t.dht_notification,
    }
)
wanted, found = pathlib.Path("wanted"), pathlib.Path("found")
given, put = pathlib.Path("given"), pathlib.Path("put")


def tell(path, text):
    """Writes a file that nobody sees half written."""
    path.with_suffix(".part").write_text(text)
    path.with_suffix(".part").rename(path)


while True:
    # In vain until the other node is up, so again and again.
    for port in options.others:
        session.add_dht_node(("127.0.0.1", port))
    if wanted.exists():
        session.dht_get_immutable_item(libtorrent.sha1_hash(bytes.fromhex(wanted.read_text())))
    if given.exists() and not put.exists():
        tell(put, str(session.dht_put_immutable_item(given.read_text())))
    for alert in session.pop_alerts():
        if isinstance(alert, libtorrent.dht_immutable_item_alert) and alert.item:
            tell(found, f"{alert.target} {alert.item.decode()}")
    time.sleep(0.1)
