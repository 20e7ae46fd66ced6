#!/usr/bin/env python3
"""Stands in for a Kubernetes API server: workloads of apps/v1 over TLS, which it gets, patches and scales
as a real one does, with the same checks of what it is asked.

    api_server.py FOLDER

FOLDER gets ca.crt and, once the server listens, `url`. It reads anew for each request: `token`, which
requests have to bring; `rules.json`, what its bearer may do ([["get", "deployments"], …]); `faults.json`, the
next misbehaviours, a list from whose front each request takes one: {"status": 503}, {"status": 429,
"retry_after": 1}, {"hang": 2}, {"change": true} (somebody else changes the workload just before).
`requests.jsonl` is what it was asked, `objects.json` what it keeps.
"""

import json
import re
import ssl
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FOLDER = Path(sys.argv[1])
PATH = re.compile(r"/apis/apps/v1/namespaces/(?P<namespace>[a-z0-9-]+)/(?P<kind>deployments|statefulsets)/"
                  r"(?P<name>[a-z0-9.-]+)(?P<scale>/scale)?")
LOCK = threading.Lock()


def read(name, otherwise):
    path = FOLDER / name
    return json.loads(path.read_text()) if path.exists() else otherwise


def merge(target, patch):
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


class Refused(Exception):
    def __init__(self, code, reason, message, retry_after=None):
        super().__init__(message)
        self.code, self.reason, self.message, self.retry_after = code, reason, message, retry_after


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass

    def do_GET(self):
        self.serve("get", None)

    def do_PATCH(self):
        self.serve("patch", self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def do_PUT(self):
        self.answer(405, {"message": "not expected here"})

    do_POST = do_DELETE = do_PUT

    def serve(self, verb, body):
        try:
            with LOCK:
                fault = self.note(verb, body)
            if "hang" in fault:
                time.sleep(fault["hang"])
            if "status" in fault:
                raise Refused(fault["status"], "Fault", "this is a fault", fault.get("retry_after"))
            with LOCK:
                self.answer(200, self.handle_request(verb, body, fault))
        except Refused as refused:
            self.answer(refused.code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": refused.code,
                                       "reason": refused.reason, "message": refused.message}, refused.retry_after)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.close_connection = True

    def note(self, verb, body):
        with open(FOLDER / "requests.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps({"verb": verb, "path": self.path, "body": (body or b"").decode(),
                                   "type": self.headers.get("Content-Type", ""),
                                   "accept": self.headers.get("Accept", "")}) + "\n")
        faults = read("faults.json", [])
        if not faults:
            return {}
        (FOLDER / "faults.json").write_text(json.dumps(faults[1:]))
        return faults[0]

    def handle_request(self, verb, body, fault):
        if self.headers.get("Authorization") != "Bearer " + (FOLDER / "token").read_text().strip():
            raise Refused(401, "Unauthorized", "Unauthorized")
        match = PATH.fullmatch(self.path)
        if not match:
            raise Refused(404, "NotFound", "the server could not find the requested resource")
        kind, name = match["kind"], match["name"]
        resource = kind + (match["scale"] or "")
        if [verb, resource] not in read("rules.json", []):
            raise Refused(403, "Forbidden", f'{kind}.apps "{name}" is forbidden: User "system:serviceaccount:'
                          f'{match["namespace"]}:mentat" cannot {verb} resource "{resource}" in API group "apps" in the '
                          f'namespace "{match["namespace"]}"')
        objects = read("objects.json", {})
        key = f'{match["namespace"]}/{kind}/{name}'
        if key not in objects:
            raise Refused(404, "NotFound", f'{kind}.apps "{name}" not found')
        if fault.get("change"):
            objects[key]["metadata"]["resourceVersion"] += "1"
        if verb == "patch":
            objects[key] = self.patch(objects[key], json.loads(body), bool(match["scale"]))
        (FOLDER / "objects.json").write_text(json.dumps(objects))
        found = objects[key]
        if match["scale"]:
            return {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": found["metadata"],
                    "spec": {"replicas": found["spec"]["replicas"]}}
        return found

    def patch(self, found, patch, scale):
        if self.headers.get("Content-Type") != "application/merge-patch+json":
            raise Refused(415, "UnsupportedMediaType", "the body of the request was in an unknown format")
        version = patch.get("metadata", {}).get("resourceVersion")
        if version is not None and version != found["metadata"]["resourceVersion"]:
            raise Refused(409, "Conflict", "the object has been modified; please apply your changes to the latest version")
        if scale and set(patch) - {"metadata", "spec"} or scale and set(patch["spec"]) != {"replicas"}:
            raise Refused(422, "Invalid", "a scale has nothing but replicas")
        replicas = patch.get("spec", {}).get("replicas", 0)
        if not isinstance(replicas, int) or replicas < 0:
            raise Refused(422, "Invalid", "spec.replicas: must be a number, 0 or more")
        for value in patch.get("metadata", {}).get("annotations", {}).values():
            if value is not None and not isinstance(value, str):
                raise Refused(400, "BadRequest", "annotations: expected a string")
        merged = merge(found, patch)
        merged["metadata"]["resourceVersion"] = str(int(found["metadata"]["resourceVersion"]) + 1)
        return merged

    def answer(self, code, content, retry_after=None):
        body = json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if retry_after is not None:
            self.send_header("Retry-After", str(retry_after))
        self.end_headers()
        self.wfile.write(body)


def main():
    key, certificate = FOLDER / "server.key", FOLDER / "ca.crt"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=stand-in", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    ready = FOLDER / "url.tmp"
    ready.write_text(f"https://127.0.0.1:{server.server_address[1]}")
    ready.rename(FOLDER / "url")
    server.serve_forever()


if __name__ == "__main__":
    main()
