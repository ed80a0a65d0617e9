/// The answer to `Probe.host` as values; what the node could not find out is nil.
public struct HostFacts: Sendable, Equatable {
    /// A VLAN device, such as `eth0.10`, number 10, on `eth0`.
    public struct VLAN: Sendable, Hashable {
        public let interface: String
        public let number: Int
        public let parent: String

        public init(interface: String, number: Int, parent: String) {
            self.interface = interface
            self.number = number
            self.parent = parent
        }
    }

    /// Which control groups the kernel offers; without the memory controller K3s does not start.
    public enum ControlGroups: String, Sendable {
        case v2, v1
        case v2WithoutMemory = "v2-no-memory"
        case v1WithoutMemory = "v1-no-memory"

        public var hasMemory: Bool { self == .v2 || self == .v1 }
    }

    /// An address of the node outside its loopback, such as `eth0` and `10.0.0.11/24`.
    public struct Address: Sendable, Hashable {
        public let interface: String
        public let prefix: String
        /// Without the length of the prefix.
        public var host: Substring { prefix.prefix { $0 != "/" } }
    }

    /// `ID` of os-release, such as `ubuntu` or `nixos`.
    public let osID: String?
    public let osVersion: String?
    /// As `uname -r` prints it, such as `5.15.0-1040-bluefield`.
    public let kernel: String?
    /// As `uname -m` prints it, such as `aarch64`.
    public let machine: String?
    public let hostname: String?
    public let processors: Int?
    public let memoryKiB: Int?
    /// Free for the file system of `/var/lib/clusterctl`.
    public let diskFreeKiB: Int?
    public let controlGroups: ControlGroups?
    /// Seconds since 1970 by the node's clock at the moment of the answer.
    public let time: Int?
    /// The name of process 1, such as `systemd`.
    public let initSystem: String?
    /// The release text of a DPU's image (`/etc/mlnx-release` or `/etc/bf-release`).
    public let dpuRelease: String?
    public let addresses: [Address]
    public let vlans: [VLAN]
    /// The links that default routes lead over, both families, the preferred ones first.
    public let defaultLinks: [String]

    /// Nil when the probe could not be asked.
    public init?(_ answer: Answer?) {
        guard let answer, answer.succeeded else { return nil }
        var values: [Substring: String] = [:]
        var addresses: [Address] = []
        var vlans: [VLAN] = []
        var defaultRoutes: [(link: String, metric: Int)] = []
        for line in answer.output.split(whereSeparator: \.isNewline) {
            guard let equals = line.firstIndex(of: "=") else { continue }
            let key = line[..<equals]
            let value = line[line.index(after: equals)...]
            let words = value.split(separator: " ").map(String.init)
            switch key {
            case "address": if words.count == 2 { addresses.append(Address(interface: words[0], prefix: words[1])) }
            case "vlan":
                if words.count == 3, let number = Int(words[1]) {
                    vlans.append(VLAN(interface: words[0], number: number, parent: words[2]))
                }
            case "default_route":
                if words.count == 2, let metric = Int(words[1]) { defaultRoutes.append((words[0], metric)) }
            default: if !value.isEmpty { values[key] = String(value) }
            }
        }
        osID = values["os_id"]
        osVersion = values["os_version"]
        kernel = values["kernel"]
        machine = values["arch"]
        hostname = values["hostname"]
        func number(_ key: Substring) -> Int? { values[key].flatMap { Int($0) }.flatMap(Self.plausible) }
        processors = number("cpus")
        memoryKiB = number("memory_kb")
        diskFreeKiB = number("disk_free_kb")
        controlGroups = values["cgroup"].flatMap(ControlGroups.init)
        time = number("time")
        initSystem = values["init"]
        dpuRelease = values["dpu"]
        self.addresses = addresses
        self.vlans = vlans
        defaultLinks = defaultRoutes.sorted { ($0.metric, $0.link) < ($1.metric, $1.link) }.map(\.link)
    }

    /// Not what nothing on earth has, and what cannot be reckoned with.
    private static func plausible(_ number: Int) -> Int? { (0...(1 << 53)).contains(number) ? number : nil }

    /// Major and minor version of the kernel, such as (5, 15).
    public var kernelVersion: (major: Int, minor: Int)? {
        guard let kernel else { return nil }
        let numbers = kernel.split(separator: ".", maxSplits: 2)
        guard numbers.count >= 2, let major = Int(numbers[0]), let minor = Int(numbers[1].prefix(while: \.isNumber))
        else {
            return nil
        }
        return (major, minor)
    }
}
