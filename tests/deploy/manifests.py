"""deploy/k8s as `kubectl kustomize` renders it, and what the tests ask of it."""

import json
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import yaml

REPOSITORY = Path.cwd()  # Bazel starts tests in the root of their runfiles
OVERLAYS = ["dev", "production", "production-keda"]
POD_KINDS = {"Deployment", "StatefulSet", "Job", "CronJob"}


def why_not():
    """Why this machine cannot render the overlays; empty if it can."""
    if not shutil.which("kubectl"):
        return "kubectl is not installed"
    result = subprocess.run(["kubectl", "version", "--client", "--output=json"], check=False, capture_output=True)
    minor = re.match(rb"\d+", json.loads(result.stdout or b"{}").get("clientVersion", {}).get("minor", "0").encode())
    if int(minor[0]) < 21:
        return "kubectl is older than 1.21, and does not know the components of kustomize"
    return ""


def render():
    """{overlay: [manifest]}"""
    reason = why_not()
    if reason:
        raise unittest.SkipTest(reason)
    with tempfile.TemporaryDirectory() as folder:
        # As files: runfiles are links, which kustomize does not follow out of its folder.
        for part in ("deploy/config", "deploy/k8s", "services/inspector/rules"):
            shutil.copytree(REPOSITORY / part, Path(folder) / part)
        return {overlay: [each for each in yaml.safe_load_all(subprocess.run(
                    ["kubectl", "kustomize", f"{folder}/deploy/k8s/overlays/{overlay}"], check=True, text=True,
                    capture_output=True).stdout)]
                for overlay in OVERLAYS}


def read_json(text):
    """JSON with comment lines."""
    return json.loads("\n".join("" if line.lstrip().startswith(("#", "//")) else line for line in text.splitlines()))


def merge(base, changes):
    if not isinstance(base, dict) or not isinstance(changes, dict):
        return changes
    merged = dict(base)
    for key, value in changes.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(base.get(key), value)
    return merged


def texts(value):
    """All texts in a tree."""
    if isinstance(value, dict):
        return [text for each in value.values() for text in texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in texts(each)]
    return [value] if isinstance(value, str) else []


class Workload:
    """What makes pods."""

    def __init__(self, manifest, config_maps):
        self.kind, self.name = manifest["kind"], manifest["metadata"]["name"]
        self.manifest = manifest
        spec = manifest["spec"]
        if self.kind == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        self.selector = spec.get("selector", {}).get("matchLabels")
        self.labels = spec["template"]["metadata"]["labels"]
        self.pod = spec["template"]["spec"]
        self.containers = self.pod["containers"]
        # What others put beside it is not meant where there is one in question.
        self.container = next((each for each in self.containers if each["name"] == "service"), self.containers[0])
        self.claims = [claim["metadata"]["name"] for claim in spec.get("volumeClaimTemplates", [])]
        self.config_maps = config_maps

    def is_service(self):
        return self.labels.get("app.kubernetes.io/component") == "service"

    def ports(self):
        return {port["name"]: port["containerPort"] for container in self.containers for port in container.get("ports", [])}

    def volumes(self):
        return {volume["name"]: volume for volume in self.pod.get("volumes", [])} | {name: {} for name in self.claims}

    def mounts(self):
        """{path: volume}"""
        volumes = self.volumes()
        return {mount["mountPath"]: volumes[mount["name"]] for mount in self.container.get("volumeMounts", [])}

    def files(self, path):
        """What stands in a folder: {name: text} of a ConfigMap, {name: None} of a Secret."""
        volume = self.mounts().get(path, {})
        if "configMap" in volume:
            return self.config_maps[volume["configMap"]["name"]]
        return {item["path"]: None for item in volume.get("secret", {}).get("items", [])}

    def config(self):
        """The configuration that the service reads, its parts put together."""
        arguments = self.container["args"]
        folder, name = arguments[arguments.index("--config") + 1].rsplit("/", 1)
        files = self.files(folder)
        config = read_json(files[name])
        config = merge(read_json(files[config.pop("include")]), config)
        for _, text in sorted(self.files(arguments[arguments.index("--config-dir") + 1]).items()):
            config = merge(config, read_json(text))
        return config


class Cluster:
    """The manifests of an overlay."""

    def __init__(self, manifests):
        self.manifests = manifests
        config_maps = {each["metadata"]["name"]: each["data"] for each in manifests if each["kind"] == "ConfigMap"}
        self.workloads = [Workload(each, config_maps) for each in manifests if each["kind"] in POD_KINDS]

    def of_kind(self, *kinds):
        return [each for each in self.manifests if each["kind"] in kinds]

    def services(self):
        return [each for each in self.workloads if each.is_service()]

    def named(self, name):
        return next(each for each in self.workloads if each.name == name)

    def selected(self, selector):
        """The workloads whose pods a label selector means."""
        def matches(labels):
            wanted = selector.get("matchLabels", {})
            return all(labels.get(key) == value for key, value in wanted.items()) and \
                all(expression["operator"] == "In" and labels.get(expression["key"]) in expression["values"]
                    for expression in selector.get("matchExpressions", []))
        return [each for each in self.workloads if matches(each.labels)]
