import Foundation
import Inventory
import YAML

/// The files that `lint --manifests` reads: plain ones below the folder, in the order of their paths. Hidden files and
/// folders are left out, and links to folders are not followed.
enum ManifestFolder {
    private static let endings: Set = ["yaml", "yml", "conf"]
    private static let limit = 10_000

    static func files(in folder: String) -> [ManifestFile] {
        let manager = FileManager.default
        var isFolder: ObjCBool = false
        guard manager.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
            return [ManifestFile(path: folder, content: .unreadable("there is no such folder"))]
        }
        guard manager.isReadableFile(atPath: folder), let walk = manager.enumerator(atPath: folder) else {
            return [ManifestFile(path: folder, content: .unreadable("permission denied"))]
        }
        var paths: [String] = []
        while let path = walk.nextObject() as? String {
            let name = (path as NSString).lastPathComponent
            if name.hasPrefix(".") {
                walk.skipDescendants()
            } else if endings.contains((name as NSString).pathExtension.lowercased()) {
                paths.append(path)
            }
            if paths.count > limit {
                return [ManifestFile(path: folder, content: .unreadable("it has more than \(limit) files"))]
            }
        }
        let base = folder.hasSuffix("/") ? folder : folder + "/"
        return paths.sorted().compactMap { file(base + $0) }
    }

    /// Nil for a folder whose name ends like a file's. What is no file, such as a pipe, could be waited for for ever.
    private static func file(_ path: String) -> ManifestFile? {
        var status = stat()
        guard stat(path, &status) == 0 else {
            return ManifestFile(path: path, content: .unreadable(String(cString: strerror(errno))))
        }
        if status.st_mode & S_IFMT == S_IFDIR { return nil }
        guard status.st_mode & S_IFMT == S_IFREG else {
            return ManifestFile(path: path, content: .unreadable("it is no ordinary file"))
        }
        // One byte more than the YAML module takes is as good as the whole.
        let most = YAMLLimits.standard.sizeBytes + 1
        do {
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? handle.close() }
            return ManifestFile(path: path, content: .bytes(Array(try handle.read(upToCount: most) ?? Data())))
        } catch {
            return ManifestFile(path: path, content: .unreadable(error.localizedDescription))
        }
    }
}
