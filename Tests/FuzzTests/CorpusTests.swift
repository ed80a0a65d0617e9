import Foundation
import Testing

/// What libFuzzer began with and what it found: no reader may trap, go on for ever or contradict itself over it.
struct CorpusTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Corpus")

    private static func files(_ target: FuzzTarget) -> [URL] {
        let folder = folder.appending(path: target.rawValue)
        let files = try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        return (files ?? []).sorted { $0.path < $1.path }
    }

    @Test(.timeLimit(.minutes(2)), arguments: FuzzTarget.allCases)
    func holds(_ target: FuzzTarget) throws {
        let files = Self.files(target)
        #expect(files.count >= 5)
        for file in files {
            let bytes = try [UInt8](Data(contentsOf: file))
            #expect(throws: Never.self, "\(file.lastPathComponent)") { try target.take(bytes) }
            // Cut anywhere, it is another input.
            for end in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 16)) {
                #expect(throws: Never.self, "\(file.lastPathComponent), the first \(end) bytes") {
                    try target.take(Array(bytes[..<end]))
                }
            }
        }
    }

    @Test func belongsToATarget() throws {
        let folders = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
        #expect(Set(folders) == Set(FuzzTarget.allCases.map(\.rawValue)))
    }
}
