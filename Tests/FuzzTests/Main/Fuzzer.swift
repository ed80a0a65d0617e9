#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// What libFuzzer calls for each input. Which reader gets it stands in the environment, so that one program is enough.
@_cdecl("LLVMFuzzerTestOneInput")
public func takeInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    do throws(Broken) {
        try chosen.take(Array(UnsafeBufferPointer(start: start, count: count)))
    } catch {
        giveUp("\(chosen.rawValue): \(error)")
    }
    return 0
}

private let chosen: FuzzTarget = {
    let name = getenv("FUZZ_TARGET").map { String(cString: $0) } ?? ""
    guard let target = FuzzTarget(rawValue: name) else {
        giveUp("FUZZ_TARGET is one of: \(FuzzTarget.allCases.map(\.rawValue).joined(separator: " "))")
    }
    return target
}()

/// libFuzzer takes it for a finding and keeps the input.
private func giveUp(_ words: String) -> Never {
    let line = Array((words + "\n").utf8)
    _ = write(STDERR_FILENO, line, line.count)
    abort()
}
