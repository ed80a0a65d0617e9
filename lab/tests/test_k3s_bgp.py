"""The stand-in's BGP and LB-IPAM, without nodes: `/usr/bin/python3 lab/tests/test_k3s_bgp.py`."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))

from k3s import bgp, bgpd, lbipam, services  # noqa: E402
from k3s.web import WebError  # noqa: E402

ADVERTISED = {"matchLabels": {"advertise": "bgp"}}
IPV4 = {"afi": "ipv4", "safi": "unicast", "advertisements": ADVERTISED}
IPV6 = {"afi": "ipv6", "safi": "unicast", "advertisements": ADVERTISED}
NODE = {
    "metadata": {"name": "dpu-01", "labels": {"rack": "a"}},
    "spec": {"podCIDRs": ["10.142.0.0/24", "fd42:0:0:1::/64"]},
    "status": {"addresses": [{"type": "InternalIP", "address": "10.77.0.11"},
                             {"type": "InternalIP", "address": "fd77::11"}]},
}
PODS = {"advertisementType": "PodCIDR"}
SERVICES = {"advertisementType": "Service", "service": {"addresses": ["LoadBalancerIP"]}, "selector": {}}


def cluster_config(name="routers", selector=None, **instance):
    peers = [{"name": "one", "peerASN": 64513, "peerAddress": "10.77.0.201", "peerConfigRef": {"name": "four"}},
             {"name": "six", "peerASN": 64513, "peerAddress": "fd77::201", "peerConfigRef": {"name": "six"}}]
    return {"metadata": {"name": name}, "spec": {
        "nodeSelector": selector, "bgpInstances": [{"name": "lab", "localASN": 64512, "peers": peers, **instance}]}}


def advertisement(*entries, **labels):
    return {"metadata": {"name": "all", "labels": labels or {"advertise": "bgp"}},
            "spec": {"advertisements": list(entries)}}


def service(name="web", addresses=(), labels=None, annotations=None, **spec):
    return {"metadata": {"name": name, "namespace": "default", "labels": labels or {}, "annotations": annotations or {},
                         "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"type": "LoadBalancer", **spec},
            "status": {"loadBalancer": {"ingress": [{"ip": address} for address in addresses]}}}


def sources(**changed):
    return bgp.Sources(**{
        "node": NODE, "cluster_configs": (cluster_config(),), "services": (), "overrides": {},
        "peer_configs": {"four": {"families": [IPV4]}, "six": {"families": [IPV6]}},
        "advertisements": (advertisement(PODS, SERVICES),), "local_services": frozenset(), "passwords": {}, **changed})


def speaker(**changed):
    return bgp.speaker(sources(**changed))


def prefixes(**changed):
    return [prefix for peer in speaker(**changed).peers for _, found in peer.families for prefix, _ in found]


def configuration(**changed):
    return bgp.configuration(speaker(**changed))


class Speakers(unittest.TestCase):
    def test_a_node_that_no_cluster_config_selects_does_not_speak(self):
        self.assertIsNone(speaker(cluster_configs=(cluster_config(selector={"matchLabels": {"rack": "b"}}),)))
        self.assertEqual(speaker(cluster_configs=(cluster_config(selector={"matchLabels": {"rack": "a"}}),)).asn, 64512)

    def test_the_router_id_is_the_nodes_ipv4_address_unless_it_is_overridden(self):
        self.assertEqual(speaker().router_id, "10.77.0.11")
        override = {"dpu-01": {"bgpInstances": [{"name": "lab", "routerID": "1.1.1.1"}]}}
        self.assertEqual(speaker(overrides=override).router_id, "1.1.1.1")

    def test_timers_that_nobody_set_are_ciliums(self):
        self.assertEqual(speaker().peers[0].timers, (30, 90, 120))

    def test_a_peer_whose_settings_are_not_there_is_left_out(self):
        self.assertEqual([peer.address for peer in speaker(peer_configs={"six": {}}).peers], ["fd77::201"])

    def test_graceful_restart_counts_only_when_it_is_enabled(self):
        def restart(**settings):
            return speaker(peer_configs={"four": {"gracefulRestart": settings}}).peers[0].restart

        self.assertEqual([restart(), restart(enabled=True), restart(enabled=True, restartTimeSeconds=9),
                          restart(enabled=False, restartTimeSeconds=9)], [0, 120, 9, 0])


class Advertising(unittest.TestCase):
    def test_each_family_gets_its_own_prefixes(self):
        services = (service(addresses=["10.99.0.1", "fd99::1"]),)
        self.assertEqual(prefixes(services=services),
                         ["10.142.0.0/24", "10.99.0.1/32", "fd42:0:0:1::/64", "fd99::1/128"])

    def test_an_advertisement_without_the_label_of_the_family_is_left_out(self):
        self.assertEqual(prefixes(advertisements=(advertisement(PODS, advertise="not"),)), [])

    def test_a_family_without_a_selector_advertises_nothing(self):
        self.assertEqual(prefixes(peer_configs={"four": {"families": [{"afi": "ipv4", "safi": "unicast"}]}}), [])

    def test_a_service_is_advertised_only_if_a_selector_is_there_and_fits(self):
        services = (service(addresses=["10.99.0.1"], labels={"tier": "front"}),)
        for selector, wanted in ((None, []), ({}, ["10.99.0.1/32"]), ({"matchLabels": {"tier": "back"}}, []),
                                 ({"matchLabels": {"io.kubernetes.service.name": "web"}}, ["10.99.0.1/32"])):
            with self.subTest(selector):
                entry = {**SERVICES, "selector": selector}
                self.assertEqual(prefixes(services=services, advertisements=(advertisement(entry),)), wanted)

    def test_with_traffic_policy_local_only_a_node_with_an_endpoint_advertises(self):
        services = (service(addresses=["10.99.0.1"], externalTrafficPolicy="Local"),)
        entries = (advertisement(SERVICES),)
        self.assertEqual(prefixes(services=services, advertisements=entries), [])
        here = frozenset([("default", "web")])
        self.assertEqual(prefixes(services=services, advertisements=entries, local_services=here), ["10.99.0.1/32"])

    def test_attributes_of_several_advertisements_add_up(self):
        tagged = {**PODS, "attributes": {"communities": {"standard": ["64512:2"], "wellKnown": ["no-export"]}}}
        again = {**PODS, "attributes": {"communities": {"standard": ["64512:1"], "large": ["1:2:3"]}}}
        text = bgp.text(configuration(advertisements=(advertisement(tagged, again),)))
        self.assertIn("set community 64512:1 64512:2 no-export\nset large-community 1:2:3\n", text)


class FromTheApi(unittest.TestCase):
    OBJECTS = {
        "nodes": [NODE], "ciliumbgpclusterconfigs": [cluster_config()],
        "ciliumbgppeerconfigs": [{"metadata": {"name": "four"}, "spec": {"authSecretRef": "secret"}},
                                 {"metadata": {"name": "six"}, "spec": {"authSecretRef": "missing"}}],
        "secrets": [{"metadata": {"name": "secret"}, "data": {"password": "d29yZA=="}}],
    }

    def read(self, **objects):
        objects = {**self.OBJECTS, **objects}

        class Client:
            def list(self, resource, namespace=None):
                if resource not in objects:
                    raise WebError(404, "not found")
                return objects[resource]

            def find(self, resource, namespace, name):
                return next((item for item in objects[resource] if item["metadata"]["name"] == name), None)

            get = find

        return bgpd.read(Client(), "dpu-01")

    def test_what_has_no_definition_yet_is_not_there(self):
        self.assertEqual(self.read().advertisements, ())
        self.assertIsNone(self.read(ciliumbgpclusterconfigs=[]))

    def test_passwords_come_from_secrets_and_a_missing_one_is_none(self):
        self.assertEqual([peer.password for peer in bgp.speaker(self.read()).peers], ["word", ""])

    def test_an_endpoint_is_a_ready_pod_here_or_an_entry_of_an_endpoint_slice(self):
        def pod(node, ready):
            return {"metadata": {"name": "p", "namespace": "default", "labels": {"app": "web", "x": "y"}},
                    "spec": {"nodeName": node}, "status": {"conditions": [{"type": "Ready", "status": ready}]}}

        def slice_on(node):
            return {"metadata": {"name": "s", "namespace": "default", "labels": {"kubernetes.io/service-name": "web"}},
                    "endpoints": [{"addresses": ["10.77.0.11"], "nodeName": node}]}

        local = [service(externalTrafficPolicy="Local", selector={"app": "web"})]
        for found, here in (({}, False), ({"pods": [pod("dpu-01", "True")]}, True),
                            ({"pods": [pod("dpu-01", "False")]}, False), ({"pods": [pod("dpu-02", "True")]}, False),
                            ({"endpointslices": [slice_on("dpu-01")]}, True),
                            ({"endpointslices": [slice_on("dpu-02")]}, False)):
            with self.subTest(found):
                self.assertEqual(self.read(services=local, **found).local_services,
                                 frozenset([("default", "web")] if here else []))

    def test_a_session_as_cilium_shows_it(self):
        peer = {"localAs": 64512, "remoteAs": 64513, "bgpState": "OpenSent", "bgpTimerUpMsec": 7,
                "addressFamilyInfo": {"ipv4Unicast": {"acceptedPrefixCounter": 1, "sentPrefixCounter": 2}}}
        shown = bgpd.session("10.77.0.201", peer)
        self.assertEqual((shown["session-state"], shown["uptime-nanoseconds"]), ("open_sent", 0))
        self.assertEqual(shown["peer-port"], 179)
        self.assertEqual(shown["families"], [
            {"afi": "ipv4", "safi": "unicast", "received": 1, "accepted": 1, "advertised": 2}])
        shown = bgpd.session("10.77.0.201", {**peer, "bgpState": "Established"})
        self.assertEqual((shown["session-state"], shown["uptime-nanoseconds"]), ("established", 7_000_000))


class Configuration(unittest.TestCase):
    def test_as_frr_reads_it(self):
        peer = {"families": [IPV4], "authSecretRef": "secret", "ebgpMultihop": 3, "transport": {"peerPort": 1179},
                "timers": {"keepAliveTimeSeconds": 1, "holdTimeSeconds": 3, "connectRetryTimeSeconds": 5},
                "gracefulRestart": {"enabled": True, "restartTimeSeconds": 15}}
        self.assertEqual(bgp.text(configuration(peer_configs={"four": peer}, passwords={"secret": "word"})), """\
ip prefix-list 10.77.0.201-ipv4-1 permit 10.142.0.0/24
router bgp 64512
bgp router-id 10.77.0.11
no bgp default ipv4-unicast
no bgp ebgp-requires-policy
no bgp network import-check
bgp graceful-restart preserve-fw-state
bgp graceful-restart restart-time 15
neighbor 10.77.0.201 remote-as 64513
neighbor 10.77.0.201 timers 1 3
neighbor 10.77.0.201 timers connect 5
neighbor 10.77.0.201 port 1179
neighbor 10.77.0.201 ebgp-multihop 3
neighbor 10.77.0.201 password word
neighbor 10.77.0.201 graceful-restart
exit
route-map 10.77.0.201-ipv4 permit 1
match ip address prefix-list 10.77.0.201-ipv4-1
exit
route-map 10.77.0.201-ipv4 deny 65535
exit
router bgp 64512
address-family ipv4 unicast
network 10.142.0.0/24
neighbor 10.77.0.201 activate
neighbor 10.77.0.201 send-community all
neighbor 10.77.0.201 route-map 10.77.0.201-ipv4 out
exit-address-family
exit
""")

    def test_a_new_prefix_touches_no_session(self):
        change = bgp.change(configuration(), configuration(services=(service(addresses=["10.99.0.1"]),)))
        self.assertEqual(change, ["ip prefix-list 10.77.0.201-ipv4-1 permit 10.99.0.1/32", "router bgp 64512",
                                  "address-family ipv4 unicast", "network 10.99.0.1/32", "exit-address-family", "exit"])

    def test_a_prefix_that_is_gone_is_taken_back(self):
        change = bgp.change(configuration(services=(service(addresses=["10.99.0.1"]),)), configuration())
        self.assertEqual(change, ["router bgp 64512", "address-family ipv4 unicast", "no network 10.99.0.1/32",
                                  "exit-address-family", "exit",
                                  "no ip prefix-list 10.77.0.201-ipv4-1 permit 10.99.0.1/32"])

    def test_a_session_with_other_settings_is_set_up_again_as_a_whole_and_the_other_one_stays(self):
        other = {"four": {"families": [IPV4], "ebgpMultihop": 2}, "six": {"families": [IPV6]}}
        change = bgp.change(configuration(), configuration(peer_configs=other))
        self.assertEqual(change[:2], ["router bgp 64512", "no neighbor 10.77.0.201"])
        self.assertIn("neighbor 10.77.0.201 activate", change)
        self.assertNotIn("fd77::201", " ".join(change))

    def test_a_peer_that_is_gone_leaves_nothing(self):
        change = bgp.change(configuration(), configuration(peer_configs={"six": {"families": [IPV6]}}))
        self.assertEqual(change, [
            "router bgp 64512", "no neighbor 10.77.0.201", "exit", "router bgp 64512", "address-family ipv4 unicast",
            "no network 10.142.0.0/24", "exit-address-family", "exit", "no route-map 10.77.0.201-ipv4 permit 1",
            "no route-map 10.77.0.201-ipv4 deny 65535",
            "no ip prefix-list 10.77.0.201-ipv4-1 permit 10.142.0.0/24"])

    def test_another_as_number_needs_a_new_bgpd(self):
        self.assertIsNone(bgp.change(configuration(), configuration(cluster_configs=(cluster_config(localASN=1),))))


def pool(name="pool", blocks=({"cidr": "10.99.0.0/30"},), created=0, **spec):
    return {"metadata": {"name": name, "creationTimestamp": f"2026-01-01T00:00:{created:02}Z"},
            "spec": {"blocks": list(blocks), **spec}}


class Pools(unittest.TestCase):
    def granted(self, pools, *services):
        allocation = lbipam.Allocation(pools, services)
        return [[str(address) for address in allocation.granted[("default", item["metadata"]["name"])]]
                for item in services]

    def reason(self, pools, item, *others):
        return lbipam.Allocation(pools, [*others, item]).service_condition(item)["reason"]

    def numbers(self, pools, one, *services):
        conditions = lbipam.Allocation(pools, services).pool_conditions(one)
        return [entry["message"] for entry in conditions if entry["status"] == "Unknown"]

    def test_all_addresses_of_a_cidr_are_handed_out_unless_the_ends_are_spared(self):
        for cidr, spared, first, size in (
                ("10.99.0.0/30", None, "10.99.0.0", 4), ("10.99.0.0/30", "No", "10.99.0.1", 2),
                ("10.99.0.0/31", "No", "10.99.0.0", 2), ("10.99.0.7/32", "No", "10.99.0.7", 1),
                ("fd99::/64", "No", "fd99::1", 2**64 - 2)):
            with self.subTest(cidr=cidr, spared=spared):
                found = lbipam.ranges({"blocks": [{"cidr": cidr}], "allowFirstLastIPs": spared})[0]
                self.assertEqual((str(found.first), found.size), (first, size))

    def test_start_and_stop_are_not_spared_and_a_start_alone_is_one_address(self):
        blocks = [{"start": "10.99.0.4", "stop": "10.99.0.6"}, {"start": "10.99.0.9"}]
        self.assertEqual([str(found) for found in lbipam.ranges({"blocks": blocks, "allowFirstLastIPs": "No"})],
                         ["10.99.0.4 - 10.99.0.6", "10.99.0.9 - 10.99.0.9"])

    def test_services_get_different_addresses_and_keep_those_they_have(self):
        self.assertEqual(self.granted([pool()], service("a"), service("b"), service("c", ["10.99.0.0"])),
                         [["10.99.0.1"], ["10.99.0.2"], ["10.99.0.0"]])

    def test_both_families(self):
        blocks = [{"cidr": "10.99.0.0/24"}, {"cidr": "fd99::/64"}]
        item = service(ipFamilies=["IPv4", "IPv6"])
        self.assertEqual(self.granted([pool(blocks=blocks)], item), [["10.99.0.0", "fd99::"]])
        self.assertEqual(self.granted([pool(blocks=blocks)], service(ipFamilies=["IPv6"])), [["fd99::"]])
        self.assertEqual(self.reason([pool()], item), "no_pool")

    def test_a_pool_is_for_the_services_that_it_selects(self):
        pools = [pool(serviceSelector={"matchLabels": {"tier": "front"}})]
        self.assertEqual(self.granted(pools, service("a"), service("b", labels={"tier": "front"})), [[], ["10.99.0.0"]])
        self.assertEqual(self.reason(pools, service("a")), "no_pool")
        self.assertEqual(self.granted(pools, service("a", ["10.99.0.1"])), [[]])  # what it had is taken back

    def test_a_request_is_granted_or_its_reason_given(self):
        def asking(text, **more):
            return service("asks", annotations={"lbipam.cilium.io/ips": text}, **more)

        self.assertEqual(self.granted([pool()], asking("10.99.0.2")), [["10.99.0.2"]])
        self.assertEqual(self.granted([pool()], asking("10.99.0.3,10.99.0.2")), [["10.99.0.3", "10.99.0.2"]])
        self.assertEqual(self.reason([pool()], asking("10.98.0.2")), "no_pool")
        self.assertEqual(self.reason([pool()], asking("10.99.0.2"), service("a", ["10.99.0.2"])), "already_allocated")
        selective = [pool(serviceSelector={"matchLabels": {"tier": "front"}})]
        self.assertEqual(self.reason(selective, asking("10.99.0.2")), "pool_selector_mismatch")

    def test_a_full_pool_says_so(self):
        one = [pool(blocks=[{"start": "10.99.0.1"}])]
        self.assertEqual(self.reason(one, service("b"), service("a")), "out_of_ips")
        self.assertEqual(self.numbers(one, one[0], service("a")), ["1", "0", "1"])

    def test_of_two_pools_that_overlap_the_younger_grants_nothing(self):
        pools = [pool("a", [{"cidr": "10.99.0.0/24"}], created=2), pool("b", [{"start": "10.99.0.200"}], created=1)]
        allocation = lbipam.Allocation(pools, [])
        self.assertEqual([allocation.pool_conditions(one)[0]["status"] for one in pools], ["True", "False"])
        self.assertEqual(self.granted(pools, service("x"), service("y")), [["10.99.0.200"], []])

    def test_pools_that_only_touch_do_not_overlap(self):
        blocks = {"a": "10.99.0.0/25", "b": "10.99.0.128/25", "c": "::a63:0/120"}
        self.assertEqual(lbipam.conflicts([pool(name, [{"cidr": cidr}]) for name, cidr in blocks.items()]), {})

    def test_a_disabled_pool_grants_nothing_new(self):
        self.assertEqual(self.granted([pool(disabled=True)], service("a", ["10.99.0.1"]), service("b")),
                         [["10.99.0.1"], []])

    def test_other_services_are_left_alone(self):
        for spec in ({"type": "ClusterIP"}, {"loadBalancerClass": "example.org/other"}):
            self.assertFalse(lbipam.is_ours(service(**spec)))


class Addresses(unittest.TestCase):
    SLICE = {"metadata": {"namespace": "default", "labels": {"kubernetes.io/service-name": "web"}},
             "ports": [{"name": "https", "port": 6443}],
             "endpoints": [{"addresses": ["10.77.0.11"]},
                           {"addresses": ["10.77.0.12"], "conditions": {"ready": False}}]}
    PORTS = [{"name": "https", "port": 443}, {"name": "dns", "port": 53, "protocol": "UDP"}]

    def frontends(self, *slices, **spec):
        item = service(addresses=["10.99.0.1", "fd99::1"], ports=self.PORTS, **spec)
        return services.frontends(sources(services=(item,)), services.endpoints(slices, ()))

    def test_each_granted_address_answers_at_the_ports_of_its_service(self):
        self.assertEqual(list(self.frontends()), [("10.99.0.1", 443), ("fd99::1", 443)])
        self.assertEqual(self.frontends(externalTrafficPolicy="Local"), {})

    def test_ready_endpoints_are_found_by_service_and_name_of_the_port(self):
        self.assertEqual(self.frontends(self.SLICE)["10.99.0.1", 443], ("default/web", (("10.77.0.11", 6443),)))
        other = {**self.SLICE, "ports": [{"name": "http", "port": 80}]}
        self.assertEqual(self.frontends(other)["10.99.0.1", 443], ("default/web", ()))

    def test_rules_of_a_family_are_for_its_addresses(self):
        served = {("10.99.0.1", 443): ("10.77.0.11", 4000), ("fd99::1", 443): ("fd77::11", 4001)}
        self.assertEqual(services.rules(served, 6).splitlines(), [
            "*nat", ":CILIUM_PRE_nat - [0:0]", ":CILIUM_OUTPUT_nat - [0:0]", *(
                f"-A {chain} -d fd99::1/128 -p tcp -m tcp --dport 443 -m comment --comment "
                '"cilium: lab service address" -j DNAT --to-destination [fd77::11]:4001'
                for chain in ("CILIUM_PRE_nat", "CILIUM_OUTPUT_nat")), "COMMIT"])


if __name__ == "__main__":
    unittest.main()
