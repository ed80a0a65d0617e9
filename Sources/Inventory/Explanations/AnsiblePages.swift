extension Explanation {
    /// What keeps `import ansible` from reading an inventory of Ansible.
    static let ansible: [Explanation] = [
        Explanation(
            .ansibleUnreadable, "a file of Ansible that cannot be read",
            happens: "It is no text in UTF-8, too large, or you may not read it.",
            looks: "Hosts or variables would be missing from the inventory, and nothing would say so.",
            instead: "Name a text file that you may read; '--group-vars' names the variables.",
            source: "docs/import.md"),
        Explanation(
            .ansibleShape, "something that is no inventory of Ansible",
            happens: "Ansible leaves out, with a warning that few read, what it does not expect in an inventory.",
            looks: "A host that stands directly below its group, or a line of INI without '='.",
            instead:
                "In YAML: groups with 'hosts', 'vars' and 'children'. In INI: '[group]', '[group:vars]', hosts with name=value.",
            source: "docs.ansible.com, How to build your inventory"),
        Explanation(
            .ansibleRange, "a range of hosts that Ansible would refuse",
            happens: "Brackets stand for '[first:last]' or '[first:last:step]', of numbers or single letters.",
            looks: "'node[1-3]', which is clusterctl's form, or a range that counts down.",
            instead: "Write 'node[1:3]' in files of Ansible, and 'node-[1-3]' in those of clusterctl.",
            source: "ansible lib/ansible/plugins/inventory/__init__.py, expand_hostname_range"),
        Explanation(
            .ansibleNoServers, "no group that is known for control plane nodes",
            happens:
                "k3s-ansible calls it server, techno-tim's master, kubespray kube_control_plane, others k3s_server.",
            looks: "An inventory of one's own, with groups of one's own.",
            instead: "Name the groups: 'clusterctl import ansible hosts.yml --control-plane cp --workers compute'.",
            source: "docs/import.md"),
    ]
}
