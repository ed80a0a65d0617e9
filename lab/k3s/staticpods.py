"""Pods that the kubelet runs by itself, because their files are in its folder, and their mirrors in the API."""

import hashlib
import os

from . import log, paths

MIRROR, SOURCE = "kubernetes.io/config.mirror", "kubernetes.io/config.source"


def is_mirror(pod):
    return MIRROR in (pod["metadata"].get("annotations") or {})


class StaticPods:
    def __init__(self, kubelet):
        self.kubelet, self.pods, self.mirrored = kubelet, {}, None

    def read(self):
        """The pods by their uid, which is made of the file; of files that begin with a dot nothing is read."""
        import yaml

        found = {}
        folder = paths.POD_MANIFESTS
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            text = paths.read(os.path.join(folder, name)) if not name.startswith(".") else None
            if text is None:
                continue
            uid = hashlib.sha256(f"{self.kubelet.node} {name} {text}".encode()).hexdigest()[:32]
            if uid in self.pods:
                found[uid] = self.pods[uid]
                continue
            try:
                pod = yaml.safe_load(text)
                metadata = pod["metadata"]
                metadata.update(name=f"{metadata['name']}-{self.kubelet.node}", uid=uid,
                                namespace=metadata.get("namespace", "default"))
                metadata.setdefault("annotations", {})[SOURCE] = "file"
                pod["spec"]["nodeName"] = self.kubelet.node
                found[uid] = pod
            except (yaml.YAMLError, KeyError, TypeError) as error:
                log.error(f"Can't process manifest file {folder}/{name}: {error}")
        self.pods = found

    def mirror(self):
        """Has the API show just these; raises what the client raises, and is called again then."""
        wanted = {pod["metadata"]["name"]: uid for uid, pod in self.pods.items()}
        if self.mirrored == wanted:
            return
        client = self.kubelet.client
        shown = {}
        for pod in client.client.json("GET", f"/api/v1/pods?fieldSelector=spec.nodeName%3D{self.kubelet.node}")["items"]:
            if is_mirror(pod):
                name, uid = pod["metadata"]["name"], pod["metadata"]["annotations"][MIRROR]
                if wanted.get(name) == uid:
                    shown[name] = uid
                else:
                    client.delete("pods", pod["metadata"]["namespace"], name, grace=0)
        for uid, pod in self.pods.items():
            if pod["metadata"]["name"] in shown:
                continue
            metadata = {key: value for key, value in pod["metadata"].items() if key != "uid"}
            metadata["annotations"] = {**metadata["annotations"], MIRROR: uid}
            client.create("pods", metadata["namespace"], {**pod, "metadata": metadata})
            self.kubelet.reported.pop(uid, None)
        self.mirrored = wanted
