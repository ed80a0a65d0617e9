/// What comes of this work, as a value.
///
/// For the closures of task groups: where one makes a value around a typed throw by itself, the optimizer of Swift 6.3 has
/// left parts of it unset. A function that is not inlined keeps them apart.
@inline(never)
func attempt<Value: Sendable, Failure: Error>(
    _ work: () async throws(Failure) -> Value
) async -> Result<Value, Failure> {
    do throws(Failure) {
        let value = try await work()
        return .success(value)
    } catch {
        return .failure(error)
    }
}
