#!/usr/bin/env python3
"""Checks the envelope of a receipt with securesystemslib and with openssl; changed ones must fail.

usage: check_envelope.py RECEIPT.json PUBLIC_KEY.pem...
"""
import base64
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey


def main() -> None:
    receipt, *key_files = sys.argv[1:]
    wire = json.loads(json.loads(Path(receipt).read_text())["statement"]["envelope"])
    keys = [public_key(path) for path in key_files]

    envelope = Envelope.from_dict(json.loads(json.dumps(wire)))
    accepted = envelope.verify(keys, len(keys))
    assert len(accepted) == len(keys), "securesystemslib must accept every owner's signature"
    for changed in changes(wire):
        try:
            Envelope.from_dict(changed).verify(keys, len(keys))
        except VerificationError:
            continue
        raise AssertionError("securesystemslib accepted a changed envelope")

    payload = base64.b64decode(wire["payload"])
    kind = wire["payloadType"].encode()
    message = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    by_id = {key_id(path): path for path in key_files}
    for signature in wire["signatures"]:
        raw = base64.b64decode(signature["sig"])
        assert openssl(by_id[signature["keyid"]], message, raw), "openssl must accept the signature"
        assert not openssl(by_id[signature["keyid"]], message + b" ", raw), "openssl must refuse another message"
    print(f"{len(keys)} signatures accepted by securesystemslib and openssl")


def raw_key(path: str) -> bytes:
    return load_pem_public_key(Path(path).read_bytes()).public_bytes_raw()


def key_id(path: str) -> str:
    return hashlib.sha256(raw_key(path)).hexdigest()


def public_key(path: str) -> SSlibKey:
    return SSlibKey(key_id(path), "ed25519", "ed25519", {"public": raw_key(path).hex()})


def changes(wire: dict) -> list[dict]:
    payload = json.loads(json.dumps(wire))
    payload["payload"] = base64.b64encode(base64.b64decode(wire["payload"]) + b" ").decode()
    signature = json.loads(json.dumps(wire))
    raw = bytearray(base64.b64decode(wire["signatures"][0]["sig"]))
    raw[0] ^= 1
    signature["signatures"][0]["sig"] = base64.b64encode(raw).decode()
    missing = json.loads(json.dumps(wire))
    missing["signatures"].pop()
    return [payload, signature, missing]


def openssl(key: str, message: bytes, signature: bytes) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        text, mark = Path(folder, "message"), Path(folder, "signature")
        text.write_bytes(message)
        mark.write_bytes(signature)
        command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", key, "-in", text, "-sigfile", mark]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


main()
