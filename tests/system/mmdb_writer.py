# SPDX-License-Identifier: Apache-2.0
"""Writes databases in MaxMind's format (version 2.0), small ones: a binary tree over the bits of
addresses, with 24 bits a record, then the data, then what the database is."""
import ipaddress

MARKER = b"\xab\xcd\xefMaxMind.com"
UTF8, UINT16, UINT32, MAP, UINT64, ARRAY = 2, 5, 6, 7, 9, 11


class Number(int):
    """A number of another type than UINT32."""

    def __new__(cls, value, kind):
        self = super().__new__(cls, value)
        self.kind = kind
        return self


def control(kind, size):
    """Types above 7 have a byte of their own, and so do sizes above 28."""
    more = b"" if kind < 8 else bytes([kind - 7])
    kind = kind if kind < 8 else 0
    if size < 29:
        return bytes([kind << 5 | size]) + more
    if size < 285:
        return bytes([kind << 5 | 29]) + more + bytes([size - 29])
    return bytes([kind << 5 | 30]) + more + (size - 285).to_bytes(2, "big")


def encode(value):
    """Texts, numbers, lists and dictionaries; bytes stand as they are, well-formed or not."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        data = value.encode()
        return control(UTF8, len(data)) + data
    if isinstance(value, int):
        data = value.to_bytes((value.bit_length() + 7) // 8, "big")
        return control(getattr(value, "kind", UINT32), len(data)) + data
    if isinstance(value, list):
        return control(ARRAY, len(value)) + b"".join(encode(item) for item in value)
    return control(MAP, len(value)) + b"".join(encode(key) + encode(item)
                                               for key, item in value.items())


class Tree:
    """Nodes are pairs of a node's number, a place in the data, or None."""

    def __init__(self, bits):
        self.bits, self.nodes = bits, [[None, None]]

    def put(self, network, place):
        address, depth = int(network.network_address), network.prefixlen
        if self.bits == 128 and network.version == 4:
            depth += 96  # IPv4 is ::/96
        node = 0
        for at in range(depth):
            bit = address >> (self.bits - 1 - at) & 1
            if at == depth - 1:
                self.nodes[node][bit] = ("data", place)
                break
            if self.nodes[node][bit] is None:
                self.nodes.append([None, None])
                self.nodes[node][bit] = ("node", len(self.nodes) - 1)
            kind, node = self.nodes[node][bit]
            assert kind == "node", f"{network} is in another network"

    def record(self, link):
        if link is None:
            return len(self.nodes)
        return link[1] if link[0] == "node" else len(self.nodes) + 16 + link[1]

    def encode(self):
        return b"".join(self.record(link).to_bytes(3, "big") for node in self.nodes for link in node)


def make_database(networks, name, ip_version=6):
    """(networks): what is known of each, {"192.0.2.0/24": {"country": ...}}; gives bytes."""
    tree, data = Tree(128 if ip_version == 6 else 32), b""
    for network, known in networks.items():
        tree.put(ipaddress.ip_network(network), len(data))
        data += encode(known)
    about = {"node_count": len(tree.nodes), "record_size": Number(24, UINT16),
             "ip_version": Number(ip_version, UINT16), "database_type": name, "languages": ["en"],
             "binary_format_major_version": Number(2, UINT16),
             "binary_format_minor_version": Number(0, UINT16),
             "build_epoch": Number(1764547200, UINT64), "description": {"en": "for tests"}}
    return tree.encode() + bytes(16) + data + MARKER + encode(about)
