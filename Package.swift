// swift-tools-version: 6.2
import PackageDescription

// Imports go downwards only, in the order of this list; Tests/RepositoryTests holds that.
let settings: [SwiftSetting] = [.swiftLanguageMode(.v6), .enableUpcomingFeature("ExistentialAny")]
// Tests are not optimized, though what they test is: else compiling them takes as long as all else together.
let testSettings = settings + [.unsafeFlags(["-Onone"], .when(configuration: .release))]

// What is done to the readers of foreign bytes: by ordinary tests over a corpus, and by libFuzzer for scripts/fuzz, which
// wants another kind of target and a build folder of its own.
let readers: [Target.Dependency] = ["YAML", "Inventory", "SSH"]
let fuzz: Target =
    if Context.environment["CLUSTERCTL_FUZZ"] == "1" {
        .executableTarget(
            name: "clusterctl-fuzz", dependencies: readers, path: "Tests/FuzzTests",
            exclude: ["Corpus", "Dictionaries", "CorpusTests.swift"],
            swiftSettings: settings)
    } else {
        .testTarget(
            name: "FuzzTests", dependencies: readers, exclude: ["Corpus", "Dictionaries", "Main"],
            swiftSettings: testSettings)
    }

let package = Package(
    name: "clusterctl",
    platforms: [.macOS(.v15)],
    products: [.executable(name: "clusterctl", targets: ["clusterctl"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0"),
    ],
    targets: [
        .systemLibrary(
            name: "CLibYAML", pkgConfig: "yaml-0.1",
            providers: [.apt(["libyaml-dev"]), .brew(["libyaml"])]),
        .systemLibrary(
            name: "CLibSSH2", pkgConfig: "libssh2",
            providers: [.apt(["libssh2-1-dev"]), .brew(["libssh2"])]),
        .target(name: "YAML", dependencies: ["CLibYAML"], swiftSettings: settings),
        .target(
            name: "Inventory",
            dependencies: ["YAML", .product(name: "OrderedCollections", package: "swift-collections")],
            swiftSettings: settings),
        .target(name: "Engine", swiftSettings: settings),
        .target(
            name: "Rendering",
            dependencies: ["YAML", "Inventory", .product(name: "Mustache", package: "swift-mustache")],
            resources: [.embedInCode("templates")], swiftSettings: settings),
        .target(
            name: "Phases",
            dependencies: [
                "YAML", "Inventory", "Engine", "Rendering", .product(name: "Crypto", package: "swift-crypto"),
            ],
            swiftSettings: settings),
        .target(name: "SSH", dependencies: ["CLibSSH2", "Engine"], swiftSettings: settings),
        .target(name: "Simulation", dependencies: ["Engine"], swiftSettings: settings),
        .target(
            name: "ClusterctlCLI",
            dependencies: [
                "YAML", "Inventory", "Engine", "Rendering", "Phases", "SSH", "Simulation",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Subprocess", package: "swift-subprocess"),
            ],
            swiftSettings: settings),
        .executableTarget(name: "clusterctl", dependencies: ["ClusterctlCLI"], swiftSettings: settings),
        // clusterctl with wrong orders, for the end-to-end tests.
        .executableTarget(
            name: "clusterctl-misordered", dependencies: ["ClusterctlCLI", "Engine", "Inventory", "Phases"],
            path: "Tests/Misordered", swiftSettings: settings),
        // clusterctl with work that tells how often it was done, for the end-to-end tests.
        .executableTarget(
            name: "clusterctl-links", dependencies: ["ClusterctlCLI", "Engine", "Inventory"], path: "Tests/Links",
            swiftSettings: settings),
        // clusterctl with the work of a benchmark, for `make bench`.
        .executableTarget(
            name: "clusterctl-bench", dependencies: ["ClusterctlCLI", "Engine", "Inventory", "YAML"],
            path: "bench/Sources",
            swiftSettings: settings),
        .testTarget(name: "YAMLTests", dependencies: ["YAML"], swiftSettings: testSettings),
        .testTarget(
            name: "InventoryTests", dependencies: ["Inventory", "YAML"], exclude: ["Cases"],
            swiftSettings: testSettings),
        .testTarget(name: "EngineTests", dependencies: ["Engine", "Simulation"], swiftSettings: testSettings),
        .testTarget(
            name: "SimulationTests", dependencies: ["Simulation", "Engine", "Phases", "Inventory", "SSH"],
            swiftSettings: testSettings),
        .testTarget(
            name: "PhasesTests", dependencies: ["Phases", "Rendering", "Inventory", "Engine", "YAML", "SSH"],
            exclude: ["Cases"],
            swiftSettings: testSettings),
        .testTarget(name: "SSHTests", dependencies: ["SSH", "Engine"], swiftSettings: testSettings),
        .testTarget(
            name: "ClusterctlCLITests",
            dependencies: ["ClusterctlCLI", .product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: testSettings),
        .testTarget(name: "RepositoryTests", swiftSettings: testSettings),
        fuzz,
    ]
)
