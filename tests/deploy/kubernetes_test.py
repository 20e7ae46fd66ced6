"""What the manifests of deploy/k8s name exists: ports, probes, selectors, files, secrets, metrics, images; and what they
promise, they keep."""

import functools
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import cases
from manifests import REPOSITORY, Cluster, render, texts

CHAIN = ["filer-gateway", "inspector", "enricher", "storage"]
# Who sends events to whom; the controller what it replays.
EDGES = [*zip(CHAIN, CHAIN[1:]), ("controller", "inspector")]


def port_of(endpoint):
    return int(endpoint.rsplit(":", 1)[1])


def make_secrets(folder):
    subprocess.run(["deploy/make_secrets.sh", folder, "--tls", "--curve", "--keep-owner"], check=True,
                   env=os.environ | {"MENTATCTL": str(REPOSITORY / "tools/mentatctl/mentatctl")})


def of_each(things):
    """The test is made of each of the things (a function of the cluster), in all overlays."""
    def decorate(test):
        @functools.wraps(test)
        def run(self):
            for overlay, cluster in self.clusters.items():
                for thing in things(cluster):
                    with self.subTest(f"{overlay}: {getattr(thing, 'name', None) or thing['metadata']['name']}"):
                        test(self, cluster, thing)
        return run
    return decorate


SERVICES, WORKLOADS = Cluster.services, lambda cluster: cluster.workloads


def of_kind(*kinds):
    return lambda cluster: cluster.of_kind(*kinds)


class KubernetesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.clusters = {overlay: Cluster(manifests) for overlay, manifests in render().items()}
        with tempfile.TemporaryDirectory() as folder:
            make_secrets(folder)
            cls.secrets = {"mentat-secrets": {path.name for path in Path(folder).iterdir() if path.is_file()},
                           "mentat-keys": {path.name for path in Path(folder, "keys").iterdir()},
                           "mentat-tls": {path.name for path in Path(folder, "tls").iterdir()} - {"ca.key"}}

    # --- the program and its configuration ---

    @of_each(SERVICES)
    def test_configurations_are_valid_for_the_programs(self, _, workload):
        arguments = workload.container["args"]
        with tempfile.TemporaryDirectory() as folder:
            make_secrets(folder)
            words = []
            for word in arguments:
                if word.startswith("/"):
                    path = Path(folder + word)
                    mount = word if word == "/etc/mentat.d" else str(Path(word).parent)
                    (Path(folder + mount)).mkdir(parents=True, exist_ok=True)
                    for name, text in workload.files(mount).items():
                        text = text.replace('"/secrets/', f'"{folder}/')
                        text = re.sub(r'"/(tls|keys)/', rf'"{folder}/\1/', text)
                        Path(folder + mount, name).write_text(text, encoding="utf-8")
                    word = str(path)
                words.append(word)
            name = workload.name.replace("-", "_")
            result = subprocess.run([f"services/{name}/{name}", *words, "--config-check"], check=False, text=True,
                                    capture_output=True)
            self.assertEqual(result.returncode, 0, result.stderr)

    @of_each(WORKLOADS)
    def test_secrets_are_those_that_the_script_makes(self, _, workload):
        for volume in workload.volumes().values():
            if "secret" in volume:
                keys = {item["key"] for item in volume["secret"]["items"]}
                self.assertLessEqual(keys, self.secrets[volume["secret"]["secretName"]])
                self.assertEqual(volume["secret"]["defaultMode"], 0o440)

    @of_each(SERVICES)
    def test_files_that_configurations_name_are_mounted(self, _, workload):
        for path in texts(workload.config()):
            if path.startswith("/"):
                folder, _, name = path.rpartition("/")
                if folder in ("/secrets", "/tls", "/keys"):
                    self.assertIn(name, workload.files(folder))
                else:
                    self.assertTrue({path, folder} & set(workload.mounts()), path)

    def test_stages_know_their_neighbours_by_their_keys(self):
        cluster = self.clusters["production"]
        for before, after in EDGES:
            sender, receiver = cluster.named(before).config()["pipeline"], cluster.named(after).config()["pipeline"]
            self.assertEqual(sender["curve"]["secret_key_file"], f"/keys/{before}.key_secret")
            self.assertEqual(sender["outputs"]["default"]["allowed_keys"], [f"/keys/{after}.key"])
            self.assertEqual(receiver["input"]["allowed_keys"], [f"/keys/{one}.key" for one, other in EDGES if other == after])

    @of_each(SERVICES)
    def test_ports_are_those_of_the_configurations(self, _, workload):
        config, ports = workload.config(), workload.ports()
        configured = {"admin": port_of(config["service"]["admin_listen"]),
                      "metrics": port_of(config["service"]["metrics_listen"])}
        pipeline = config.get("pipeline", {})
        if "input" in pipeline:
            configured["input"] = port_of(pipeline["input"]["bind"])
        if "ack_bind" in pipeline:
            configured["ack"] = port_of(pipeline["ack_bind"])
        self.assertEqual(ports, configured)

    @of_each(SERVICES)
    def test_peers_are_services(self, cluster, workload):
        config = workload.config()
        addresses = [address for stage in config.get("stages", []) for address in stage["addresses"]]
        peers = [peer.removeprefix("tcp://") for output in config.get("pipeline", {}).get("outputs", {}).values()
                 for peer in output["peers"]]
        services = {each["metadata"]["name"]: each["spec"] for each in cluster.of_kind("Service")}
        for name, port in [address.split(":") for address in addresses + peers]:
            self.assertIn(int(port), [each["port"] for each in services[name]["ports"]], name)
            self.assertEqual(services[name]["clusterIP"], "None", name)

    def test_the_driver_names_workloads(self):
        for cluster in self.clusters.values():
            for stage in cluster.named("controller").config()["driver"]["kubernetes"]["stages"]:
                workload = cluster.named(stage.get("workload", stage["name"]))
                self.assertEqual(workload.kind.lower(), stage.get("kind", "deployment"))

    # --- names within the manifests ---

    @of_each(WORKLOADS)
    def test_selectors_of_workloads_mean_their_own_pods(self, cluster, workload):
        if workload.selector is not None:
            self.assertEqual(cluster.selected({"matchLabels": workload.selector}), [workload])
        for spread in workload.pod.get("topologySpreadConstraints", []):
            self.assertEqual(cluster.selected(spread["labelSelector"]), [workload])

    @of_each(of_kind("Service"))
    def test_services_select_pods_that_have_the_port(self, cluster, service):
        selected, = cluster.selected({"matchLabels": service["spec"]["selector"]})
        for port in service["spec"]["ports"]:
            self.assertEqual(selected.ports()[port["targetPort"]], port["port"])

    @of_each(of_kind("PodDisruptionBudget"))
    def test_disruption_budgets_select_pods(self, cluster, budget):
        self.assertTrue(cluster.selected(budget["spec"]["selector"]))

    @of_each(of_kind("PodMonitor"))
    def test_monitors_select_pods_that_have_the_port(self, cluster, monitor):
        selected = cluster.selected(monitor["spec"]["selector"])
        self.assertEqual(selected, cluster.services())
        for endpoint in monitor["spec"]["podMetricsEndpoints"]:
            for workload in selected:
                self.assertIn(endpoint["port"], workload.ports())

    @of_each(of_kind("HorizontalPodAutoscaler", "ScaledObject"))
    def test_who_scales_is_alone_with_it(self, cluster, scaler):
        workload = cluster.named(scaler["spec"]["scaleTargetRef"]["name"])
        self.assertEqual(workload.kind, scaler["spec"]["scaleTargetRef"]["kind"])
        self.assertNotIn("replicas", workload.manifest["spec"])

    @of_each(SERVICES)
    def test_several_replicas_have_a_disruption_budget(self, cluster, workload):
        if workload.kind == "Deployment" and workload.manifest["spec"].get("replicas", 2) > 1:
            self.assertIn(workload.name, [each["metadata"]["name"] for each in cluster.of_kind("PodDisruptionBudget")])

    @of_each(WORKLOADS)
    def test_service_accounts_are_there_and_only_the_controller_has_a_token(self, cluster, workload):
        account, = [each for each in cluster.of_kind("ServiceAccount")
                    if each["metadata"]["name"] == workload.pod["serviceAccountName"]]
        token = workload.pod.get("automountServiceAccountToken", account["automountServiceAccountToken"])
        self.assertEqual(token, workload.name == "controller")

    @of_each(WORKLOADS)
    def test_images_are_targets_of_the_dockerfile(self, _, workload):
        targets = set(re.findall(r"^FROM service AS (\S+)", (REPOSITORY / "deploy/images/Dockerfile").read_text(), re.M))
        for container in workload.containers:
            name, _, tag = container["image"].partition(":")
            self.assertNotIn(tag, ("", "latest"), container["image"])
            if name != "postgres":
                self.assertIn(name, [f"mentat/{target}" for target in targets])

    def test_metrics_exist(self):
        known = {line.split()[1].partition("{")[0] for path in (REPOSITORY / "tests/installation/metrics").iterdir()
                 for line in path.read_text().splitlines()}
        named = {name for path in (REPOSITORY / "deploy/k8s").rglob("*.yaml") for name in re.findall(r"(?<![\w:])mentat_[a-z_]+(?![\w:])", path.read_text())}
        self.assertTrue(named)
        self.assertEqual({name for name in named if not any(name in (each, each + "_bucket", each + "_count", each + "_sum")
                                                            for each in known)}, set())

    # --- what is promised ---

    @of_each(SERVICES)
    def test_probes_tell_startup_readiness_and_liveness_apart(self, _, workload):
        served = (REPOSITORY / "common/service/admin_server.cc").read_text()
        encrypted = "tls" in workload.config()["service"]
        for name, expected in {"startupProbe": "liveness", "livenessProbe": "liveness", "readinessProbe": ""}.items():
            probe = workload.container[name]
            # Probes of Kubernetes itself cannot speak TLS.
            self.assertEqual({"grpc", "exec"} & set(probe), {"exec"} if encrypted else {"grpc"})
            if encrypted:
                words = probe["exec"]["command"]
                self.assertEqual(words[0], "mentat-health")
                asked = words[words.index("--service") + 1] if "--service" in words else ""
            else:
                self.assertEqual(probe["grpc"]["port"], workload.ports()["admin"])
                asked = probe["grpc"].get("service", "")
            self.assertEqual(asked, expected)
            self.assertIn(f'SetServingStatus("{asked}"', served)

    @of_each(SERVICES)
    def test_draining_has_the_time_that_it_may_take(self, _, workload):
        self.assertGreater(workload.pod["terminationGracePeriodSeconds"], workload.config()["service"]["grace_seconds"])

    @of_each(WORKLOADS)
    def test_pods_keep_to_the_restricted_standard(self, _, workload):
        context = workload.pod["securityContext"]
        self.assertTrue(context["runAsNonRoot"])
        self.assertGreater(context["runAsUser"], 0)
        self.assertEqual(context["seccompProfile"], {"type": "RuntimeDefault"})
        for name in ("hostNetwork", "hostPID", "hostIPC"):
            self.assertNotIn(name, workload.pod)
        for volume in workload.volumes().values():
            self.assertNotIn("hostPath", volume)
        for container in workload.containers + workload.pod.get("initContainers", []):
            own = container["securityContext"]
            self.assertFalse(own["allowPrivilegeEscalation"])
            self.assertTrue(own["readOnlyRootFilesystem"])
            self.assertEqual(own["capabilities"], {"drop": ["ALL"]})
            self.assertLessEqual({"cpu", "memory"}, set(container["resources"]["requests"]))
            self.assertIn("memory", container["resources"]["limits"])

    @of_each(WORKLOADS)
    def test_only_the_filer_gateway_and_a_database_have_claims(self, _, workload):
        if workload.claims:
            self.assertIn(workload.name, ("filer-gateway", "postgres"))

    def test_networks_are_closed_but_for_the_edges(self):
        cluster = self.clusters["production"]
        policies = cluster.of_kind("NetworkPolicy")
        closed = [each for each in policies if each["spec"]["podSelector"] == {} and "ingress" not in each["spec"]
                  and "egress" not in each["spec"]]
        self.assertEqual([sorted(each["spec"]["policyTypes"]) for each in closed], [["Egress", "Ingress"]])
        edges = {(before, after, "input") for before, after in EDGES} | {(after, before, "ack") for before, after in EDGES}
        edges |= {("controller", name, "admin") for name in [*CHAIN, "controller"]}
        self.assertEqual(self.allowed(cluster, policies, "egress"), edges)
        self.assertEqual(self.allowed(cluster, policies, "ingress"), edges)

    def allowed(self, cluster, policies, direction):
        """(from, to, port) of all rules that name pods of this namespace."""
        found = set()
        for policy in policies:
            for rule in policy["spec"].get(direction, []):
                for peer in rule.get("to" if direction == "egress" else "from", []):
                    if "namespaceSelector" in peer:
                        continue
                    for own in cluster.selected(policy["spec"]["podSelector"]):
                        for other in cluster.selected(peer["podSelector"]):
                            source, target = (own, other) if direction == "egress" else (other, own)
                            for port in rule["ports"]:
                                self.assertIn(port["port"], target.ports(), policy["metadata"]["name"])
                                found.add((source.name, target.name, port["port"]))
        return found


if __name__ == "__main__":
    cases.main()
