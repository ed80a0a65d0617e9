"""The stand-in's rules, without nodes: `/usr/bin/python3 -m unittest discover -s lab/tests -t lab -p 'test_k3s.py'`."""

import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))

from k3s import (  # noqa: E402
    authorities, chart, config, etcd, helm, otherchart, patching, paths, reset, scheduling, selectors, upgrades,
)
from k3s.log import Fatal  # noqa: E402

NOT_READY = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}


def node(name="dpu-01", taints=(), **labels):
    return {"metadata": {"name": name, "labels": labels}, "spec": {"taints": list(taints)}}


def pod(**spec):
    return {"metadata": {"uid": "1", "namespace": "kube-system", "labels": {}}, "spec": spec}


class Configuration(unittest.TestCase):
    def load(self, role, text, *arguments):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "config.yaml")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text + "\nnode-ip: 10.77.0.11\n")
            return config.load(role, ["--config", path, *arguments])

    def test_an_agent_refuses_a_key_of_the_server(self):
        with self.assertRaisesRegex(Fatal, "not defined: -tls-san"):
            self.load("agent", "server: https://a:6443\ntoken: t\ntls-san: [b]")

    def test_a_server_skips_a_key_that_it_does_not_know(self):
        self.assertNotIn("frobnicate", self.load("server", "frobnicate: 1"))

    def test_the_command_line_wins_over_the_file_for_a_scalar(self):
        self.assertEqual(self.load("server", "token: a", "--token", "b")["token"], "b")

    def test_dns_is_the_tenth_service_address(self):
        self.assertEqual(self.load("server", "service-cidr: 10.143.0.0/16")["cluster-dns"], ["10.143.0.10"])

    def test_disable_kube_proxy_is_not_compared(self):
        one = config.critical(self.load("server", "disable-kube-proxy: true"))
        self.assertEqual(one, config.critical(self.load("server", "disable-kube-proxy: false")))

    def test_pod_network_is_compared(self):
        one = config.critical(self.load("server", "cluster-cidr: 10.142.0.0/16"))
        self.assertNotEqual(one, config.critical(self.load("server", "cluster-cidr: 10.150.0.0/16")))

    def test_password_of_a_token(self):
        self.assertEqual(config.password("K10" + "a" * 64 + "::server:secret"), "secret")
        self.assertEqual(config.password("secret"), "secret")


class Upgrades(unittest.TestCase):
    """Whose turn it is by a Plan, and what its job is."""

    def setUp(self):
        self.plan = {"metadata": {"name": "p", "uid": "1"}, "spec": {
            "version": "v2+k3s1", "concurrency": 2, "nodeSelector": {}, "upgrade": {"image": "a/k3s-upgrade"}}}

    def nodes(self, **labels):
        found = [node(name, **{"kubernetes.io/hostname": name}, **labels) for name in "abcd"]
        for item in found:
            item["metadata"]["uid"] = item["metadata"]["name"]
        return found

    def chosen(self, nodes):
        return [item["metadata"]["name"] for item in upgrades.select(self.plan, nodes)]

    def test_no_more_than_the_concurrency_and_first_who_is_under_way(self):
        self.assertEqual(len(self.chosen(self.nodes())), 2)
        for name in "abcd":
            self.plan["status"] = {"applying": [name]}
            self.assertIn(name, self.chosen(self.nodes()))

    def test_who_is_done_or_left_out_has_no_turn(self):
        for value in (upgrades.hash_of(self.plan), "disabled"):
            self.assertEqual(self.chosen(self.nodes(**{"plan.upgrade.cattle.io/p": value})), [])
        self.assertEqual(len(self.chosen(self.nodes(**{"plan.upgrade.cattle.io/p": "earlier"}))), 2)
        del self.plan["spec"]["nodeSelector"]
        self.assertEqual(self.chosen(self.nodes()), [], "no selector selects nobody")

    def test_a_plan_made_anew_has_the_same_hash(self):
        again = {**self.plan, "metadata": {"name": "p", "uid": "2"}, "spec": {**self.plan["spec"], "concurrency": 9}}
        self.assertEqual(upgrades.hash_of(self.plan), upgrades.hash_of(again))

    def test_data_of_empty_dirs_go_unless_the_plan_says_otherwise(self):
        self.assertIn("--delete-emptydir-data", upgrades.drain_arguments({}, "a"))
        self.assertNotIn("--delete-emptydir-data", upgrades.drain_arguments({"deleteEmptydirData": False}, "a"))

    def test_the_image_gets_the_versions_tag(self):
        self.assertEqual(upgrades.image_of(self.plan), "a/k3s-upgrade:v2-k3s1")
        self.plan["spec"]["upgrade"]["image"] = "r:5000/a:1"
        self.assertEqual(upgrades.image_of(self.plan), "r:5000/a:1")


class Reset(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.snapshot = os.path.join(directory.name, "snapshot")
        self.flag = os.path.join(directory.name, "reset-flag")
        before = paths.SERVER, paths.RESET_FLAG
        self.addCleanup(lambda: (setattr(paths, "SERVER", before[0]), setattr(paths, "RESET_FLAG", before[1])))
        paths.SERVER, paths.RESET_FLAG = directory.name, self.flag
        with open(self.snapshot, "w", encoding="utf-8") as file:
            file.write("etcd")

    def refused(self, words, path, **settings):
        with self.assertRaisesRegex(Fatal, words):
            reset._check({"token": "t", **settings}, path)

    def test_nothing_is_reset_that_is_told_where_to_join(self):
        self.refused("server URL is set", self.snapshot, server="https://a:6443")

    def test_a_restore_needs_a_token_and_a_file(self):
        self.refused("please pass --token", self.snapshot, token="")
        self.refused("snapshot path does not exist", self.snapshot + "-other")
        self.refused("must be a file", paths.SERVER)

    def test_a_second_reset_is_refused_and_a_second_restore_is_not(self):
        with open(self.flag, "w", encoding="utf-8"):
            pass
        self.refused("was previously reset", None)
        reset._check({"token": "t"}, self.snapshot)

    def test_the_authorities_are_kept_under_a_name_made_from_the_token(self):
        self.assertEqual(authorities.key("K10" + "a" * 64 + "::server:t"), authorities.key("t"))
        self.assertEqual(authorities.key("t"), "/bootstrap/e3b98a4da31a")
        secret = authorities._cipher("-e", "t", b"text")
        self.assertEqual(authorities._cipher("-d", "t", secret), b"text")
        with self.assertRaises(Fatal):
            authorities._cipher("-d", "other", secret)

    def test_the_token_is_changed_without_a_moment_in_which_neither_is_good(self):
        class Member:
            def __init__(self):
                self.keys, self.asked = {}, []

            def json(self, _, path, body):
                method = path.removeprefix("/v3/kv/")
                self.asked.append(method)
                if method == "put":
                    self.keys[body["key"]] = body["value"]
                if method == "deleterange":
                    del self.keys[body["key"]]
                return {"kvs": [{"key": key, "value": value} for key, value in self.keys.items()]}

        member = Member()
        member.json("POST", "/v3/kv/put", {"key": etcd.encode(authorities.key("t")),
                                            "value": etcd.encode(authorities._cipher("-e", "t", b'{"a": "b"}'))})
        authorities.rotate(member, "t", "u")
        self.assertEqual(member.asked, ["put", "range", "put", "deleterange", "range"])
        self.assertEqual(authorities.take(member, "u"), {"a": "b"})
        for refused in (authorities.take, lambda *given: authorities.keep(*given, had_data=True)):
            with self.assertRaisesRegex(Fatal, "encrypted with different token"):
                refused(member, "t")
        authorities.rotate(member, "t", "u")  # asked once more it changes nothing
        self.assertEqual(authorities.take(member, "u"), {"a": "b"})


class Scheduling(unittest.TestCase):
    def test_a_pod_without_toleration_stays_pending_on_a_node_that_is_not_ready(self):
        place, message = scheduling.place(pod(), [node(taints=[NOT_READY])], [])
        self.assertIsNone(place)
        self.assertEqual(message, "0/1 nodes are available: 1 node(s) had taint {node.kubernetes.io/not-ready: }, that "
                                  "the pod didn't tolerate.")

    def test_a_daemon_set_does_not_tolerate_not_ready_by_itself(self):
        spec = {"tolerations": scheduling.DAEMON_TOLERATIONS}
        self.assertEqual(scheduling.untolerated(spec, node(taints=[NOT_READY])), NOT_READY)
        self.assertIsNone(scheduling.untolerated(spec, node(taints=[{**NOT_READY, "effect": "NoExecute"}])))

    def test_the_operator_does_not_tolerate_a_taint_that_nobody_named(self):
        taint = {"key": "CriticalAddonsOnly", "value": "true", "effect": "NoExecute"}
        spec = {"tolerations": chart.OPERATOR_TOLERATIONS}
        self.assertEqual(scheduling.untolerated(spec, node(taints=[taint])), taint)

    def test_anti_affinity_keeps_two_replicas_apart(self):
        term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"a": "b"}}}
        first = {"metadata": {"uid": "0", "namespace": "kube-system", "labels": {"a": "b"}},
                 "spec": {"nodeName": "dpu-01"}}
        second = pod(affinity={"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}})
        self.assertIn("anti-affinity", scheduling.place(second, [node()], [first])[1])
        self.assertEqual(scheduling.place(second, [node(), node("dpu-02")], [first])[0], "dpu-02")


class Selectors(unittest.TestCase):
    def test_label_selectors(self):
        for text, labels, wanted in (("a=b", {"a": "b"}, True), ("a=b,c", {"a": "b"}, False), ("a!=b", {}, True),
                                     ("a in (b, c)", {"a": "c"}, True), ("a notin (b)", {"a": "b"}, False),
                                     ("!a", {}, True), ("", {"a": "b"}, True), ("a.b/c=d", {"a.b/c": "d"}, True)):
            with self.subTest(text):
                self.assertEqual(selectors.parse_labels(text)(labels), wanted)


class Patches(unittest.TestCase):
    def test_strategic_merge_keeps_the_containers_that_it_does_not_name(self):
        current = {"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}]}
        patch = {"containers": [{"name": "a", "image": "2"}],
                 "$setElementOrder/containers": [{"name": "a"}, {"name": "b"}]}
        self.assertEqual([item["image"] for item in patching.strategic(current, patch)["containers"]], ["2", "1"])

    def test_apply_removes_what_its_manager_no_longer_names(self):
        first = patching.apply(None, {"metadata": {}, "data": {"x": "1", "y": "1"}}, "m")
        first["data"]["z"] = "by another"
        self.assertEqual(patching.apply(first, {"metadata": {}, "data": {"x": "2"}}, "m")["data"],
                         {"x": "2", "z": "by another"})

    def test_json_patch_that_does_not_fit_is_refused(self):
        with self.assertRaises(ValueError):
            patching.json_patch({}, [{"op": "remove", "path": "/a"}])


class Chart(unittest.TestCase):
    SPEC = {"chart": "cilium", "repo": "r", "version": "1.19.4"}

    def rendered(self, **values):
        manifests = chart.render(self.SPEC, values, "kube-system")
        return {(item["kind"], item["metadata"]["name"]): item for item in manifests}

    def test_an_unknown_key_vanishes_silently(self):
        config_map = self.rendered(nativeRoutingCIDR="10.142.0.0/16")[("ConfigMap", "cilium-config")]
        self.assertNotIn("10.142.0.0/16", config_map["data"].values())

    def test_values_reach_running_pods_only_if_they_are_rolled_out(self):
        def template(**values):
            return self.rendered(**values)[("DaemonSet", "cilium")]["spec"]["template"]

        self.assertEqual(template(MTU=1), template(MTU=2))
        self.assertNotEqual(template(MTU=1, rollOutCiliumPods=True), template(MTU=2, rollOutCiliumPods=True))

    def test_the_version_is_in_the_images_and_what_is_set_comes_after_the_values(self):
        item = {"spec": {**self.SPEC, "version": "1.20.1", "valuesContent": "updateStrategy: {type: RollingUpdate}",
                         "set": {"updateStrategy.type": "OnDelete", "envoy.updateStrategy.type": "OnDelete"}}}
        manifests = chart.render(item["spec"], chart.values_of(item, None), "kube-system")
        sets = {item["metadata"]["name"]: item["spec"] for item in manifests if item["kind"] == "DaemonSet"}
        self.assertEqual({name: spec["updateStrategy"]["type"] for name, spec in sets.items()},
                         {"cilium": "OnDelete", "cilium-envoy": "OnDelete"})
        self.assertEqual(sets["cilium"]["template"]["spec"]["containers"][0]["image"], "quay.io/cilium/cilium:v1.20.1")
        plain = self.rendered(updateStrategy={"type": "RollingUpdate"})[("DaemonSet", "cilium")]["spec"]["template"]
        held = self.rendered(updateStrategy={"type": "OnDelete"})[("DaemonSet", "cilium")]["spec"]["template"]
        self.assertEqual(plain, held, "no pod differs by it")

    def test_a_version_that_no_repository_has(self):
        with self.assertRaisesRegex(chart.ChartError, "1.20.99.* not found"):
            chart.render({**self.SPEC, "version": "1.20.99"}, {}, "kube-system")

    def test_kube_proxy_replacement_is_true_or_false(self):
        with self.assertRaisesRegex(chart.ChartError, "kubeProxyReplacement"):
            self.rendered(kubeProxyReplacement="strict")

    def test_values_that_are_no_yaml_fail_the_job(self):
        with self.assertRaises(chart.ChartError):
            chart.values_of({"spec": {"valuesContent": "a: [b"}}, None)

    def test_the_later_values_win(self):
        item = {"spec": {"valuesContent": "a: 1\nb: 1\nc: 1", "values": {"b": 2}, "set": {"c": 3}}}
        self.assertEqual(chart.values_of(item, None), {"a": 1, "b": 2, "c": 3})

    def test_a_chart_is_in_a_repository_in_a_registry_or_nowhere(self):
        self.assertTrue(chart.is_cilium(self.SPEC))
        self.assertFalse(chart.is_cilium({"chart": "oci://ghcr.io/a/web"}))
        with self.assertRaisesRegex(chart.ChartError, "neither a repo"):
            chart.is_cilium({"chart": "web"})


class Release:
    """The API as far as a job of Helm's uses it, in memory."""

    def __init__(self, spec):
        self.item = {"metadata": {"name": "web", "namespace": "kube-system"}, "spec": spec}
        self.secrets, self.applied, self.logged = {}, [], []
        self.env = {"CHART_NAMESPACE": "kube-system", "NAME": "web", "VERB": "install",
                    "FAILURE_POLICY": spec["failurePolicy"]}

    def api(self):
        return self

    def log(self, message):
        self.logged.append(message)

    def pause(self, seconds):
        pass

    def get(self, resource, namespace, name):
        if resource == "helmcharts":
            return self.item
        raise helm.WebError(404, "not found")

    def find(self, resource, namespace, name):
        return {}

    def list(self, resource, namespace, labels):
        return list(self.secrets.values()) if resource == "secrets" else []

    def apply(self, manifest):
        if manifest["kind"] == "Secret":
            self.secrets[manifest["metadata"]["name"]] = manifest
        else:
            self.applied.append(manifest)

    def merge(self, resource, namespace, name, body):
        self.secrets[name]["metadata"]["labels"].update(body["metadata"]["labels"])

    def statuses(self):
        return [secret["metadata"]["labels"]["status"] for secret in self.secrets.values()]


class OtherChart(unittest.TestCase):
    SPEC = {"chart": "nginx", "repo": "r", "version": "1.2.3", "failurePolicy": "abort", "targetNamespace": "site"}

    def test_names_its_release_as_helm_does(self):
        workload, = otherchart.render(self.SPEC, {"kind": "DaemonSet"}, "web", "site")
        self.assertEqual((workload["kind"], workload["metadata"]["name"]), ("DaemonSet", "web-nginx"))
        self.assertEqual(workload["metadata"]["labels"]["app.kubernetes.io/managed-by"], "Helm")
        self.assertEqual(workload["metadata"]["annotations"], {
            "meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "site"})

    def test_values_change_the_pods(self):
        first, second = [otherchart.render(self.SPEC, {"a": value}, "web", "site") for value in (1, 2)]
        self.assertNotEqual(first[0]["spec"]["template"], second[0]["spec"]["template"])

    def test_a_failed_release_waits_for_somebody(self):
        release = Release({**self.SPEC, "valuesContent": "fails: no such class"})
        self.assertEqual((helm.run(release), release.statuses()), (1, ["failed"]))
        release.item["spec"]["valuesContent"] = ""
        self.assertEqual((helm.run(release), release.statuses(), release.applied), (1, ["failed"], []))
        self.assertIn("operator intervention", release.logged[-1])
        release.secrets.clear()
        self.assertEqual((helm.run(release), release.statuses()), (0, ["deployed"]))
        self.assertEqual((helm.run(release), release.statuses()), (0, ["superseded", "deployed"]))


if __name__ == "__main__":
    unittest.main()
