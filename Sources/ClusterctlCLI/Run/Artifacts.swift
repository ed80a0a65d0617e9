import Crypto
import Engine
import Foundation
import Subprocess

/// Large files on the controller: found or downloaded once, ready to be sent, and verified while that goes on.
actor Artifacts {
    struct Ready: Sendable {
        let path: String
        let sizeBytes: Int64
        /// What it should have; nodes take nothing else.
        let sha256: String
    }

    private let cache: String
    private var pending: [ArtifactSource: Task<Result<Ready, LinkFailure>, Never>] = [:]
    private var defects: [ArtifactSource: Task<String?, Never>] = [:]
    private var lists: [String: Task<Result<String, LinkFailure>, Never>] = [:]

    /// - Parameter cache: where downloads are kept between runs; `~/.cache/clusterctl` unless told.
    init(cache: String? = nil) {
        let environment = ProcessInfo.processInfo.environment
        let base = environment["XDG_CACHE_HOME"] ?? (environment["HOME"] ?? "/tmp") + "/.cache"
        self.cache = cache ?? base + "/clusterctl"
    }

    /// The checksum alone, where it can be known without the artifact; nil when its list cannot be had just now.
    func knownChecksum(of source: ArtifactSource) async -> String? {
        try? await checksum(of: source)
    }

    /// Why the controller's own file is not what it should be; nil when it is. Its bytes are read once a run.
    func defect(of source: ArtifactSource) async -> String? {
        guard let ready = try? await ready(source) else { return nil }
        let task = defects[source] ?? Task { await Artifacts.defect(of: source, ready) }
        defects[source] = task
        return await task.value
    }

    @concurrent private static func defect(of source: ArtifactSource, _ ready: Ready) async -> String? {
        do throws(LinkFailure) {
            let (digest, _) = try digest(ready.path)
            if digest == ready.sha256 { return nil }
            return "\(ready.path) is not \(source.name): its SHA-256 is \(digest), \(source.checksum.words) says "
                + "\(ready.sha256); it is corrupted or of another version: put the right file there"
        } catch {
            return error.message
        }
    }

    /// The file, complete; whether its bytes are right is asked with `defect`. Concurrent calls share the work.
    func ready(_ source: ArtifactSource) async throws(LinkFailure) -> Ready {
        let task = pending[source] ?? Task { await self.prepare(source) }
        pending[source] = task
        let result = await task.value
        if case .failure = result { pending[source] = nil }
        return try result.get()
    }

    private func prepare(_ source: ArtifactSource) async -> Result<Ready, LinkFailure> {
        do throws(LinkFailure) {
            let wanted = try await checksum(of: source)
            let path: String
            switch source.origin {
            case .localFile(let file): path = (file as NSString).expandingTildeInPath
            case .download(let url):
                path = try await download(url, name: "\(wanted.prefix(16))-\(source.name)", sha256: wanted)
            case .mirror(let url): throw LinkFailure(kind: .refused, message: "\(url) is fetched by the node itself")
            }
            let attributes = try? FileManager.default.attributesOfItem(atPath: path)
            guard let size = attributes?[.size] as? NSNumber, FileManager.default.isReadableFile(atPath: path) else {
                throw LinkFailure(kind: .refused, message: "\(path) cannot be read")
            }
            return .success(Ready(path: path, sizeBytes: size.int64Value, sha256: wanted))
        } catch {
            return .failure(error)
        }
    }

    func checksum(of source: ArtifactSource) async throws(LinkFailure) -> String {
        switch source.checksum {
        case .pinned(let digits): return digits
        case .listed(let file, let name):
            let task = lists[file] ?? Task { await self.list(file) }
            lists[file] = task
            let text = try await task.value.get()
            for line in text.split(whereSeparator: \.isNewline) {
                let words = line.split(whereSeparator: { $0 == " " || $0 == "*" })
                if words.count == 2, words[1] == name, words[0].count == 64 { return words[0].lowercased() }
            }
            throw LinkFailure(kind: .refused, message: "\(file) has no line for \(name)")
        }
    }

    private func list(_ file: String) async -> Result<String, LinkFailure> {
        do throws(LinkFailure) {
            let isRemote = file.contains("://")
            let path = isRemote ? try await fetch(file, to: cachePath(file)) : (file as NSString).expandingTildeInPath
            guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
                throw LinkFailure(kind: .refused, message: "the checksums in \(file) cannot be read")
            }
            return .success(text)
        } catch {
            return .failure(error)
        }
    }

    private func cachePath(_ url: String) -> String {
        let digest = SHA256.hash(data: Data(url.utf8)).prefix(8).map { String(format: "%02x", $0) }.joined()
        return "\(cache)/\(digest)-\((url as NSString).lastPathComponent)"
    }

    private func download(_ url: String, name: String, sha256: String) async throws(LinkFailure) -> String {
        let path = "\(cache)/\(name)"
        if FileManager.default.fileExists(atPath: path), try Artifacts.digest(path).sha256 == sha256 { return path }
        try? FileManager.default.removeItem(atPath: path)
        return try await fetch(url, to: path)
    }

    /// Resumes what an earlier run left, and puts the file in place only when it is whole.
    private func fetch(_ url: String, to path: String) async throws(LinkFailure) -> String {
        if FileManager.default.fileExists(atPath: path) { return path }
        let part = path + ".part"
        do {
            try FileManager.default.createDirectory(atPath: cache, withIntermediateDirectories: true)
            let result = try await Subprocess.run(
                .name("curl"),
                arguments: [
                    "--fail", "--location", "--silent", "--show-error", "--retry", "3", "--connect-timeout", "20",
                    "--continue-at", "-", "--output", part, "--", url,
                ],
                output: .discarded, error: .string(limit: 4096))
            guard result.terminationStatus.isSuccess else {
                let why = result.standardError.trimmingCharacters(in: .whitespacesAndNewlines)
                throw LinkFailure(kind: .refused, message: "\(url) cannot be downloaded: \(why)")
            }
            try FileManager.default.moveItem(atPath: part, toPath: path)
            return path
        } catch let failure as LinkFailure {
            throw failure
        } catch {
            throw LinkFailure(kind: .refused, message: "\(url) cannot be downloaded: \(error)")
        }
    }

    private static func digest(_ path: String) throws(LinkFailure) -> (sha256: String, sizeBytes: Int64) {
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw LinkFailure(kind: .refused, message: "\(path) cannot be read")
        }
        defer { try? handle.close() }
        var hash = SHA256()
        var size: Int64 = 0
        while let chunk = try? handle.read(upToCount: 1 << 20), !chunk.isEmpty {
            hash.update(data: chunk)
            size += Int64(chunk.count)
        }
        return (hash.finalize().map { String(format: "%02x", $0) }.joined(), size)
    }
}
