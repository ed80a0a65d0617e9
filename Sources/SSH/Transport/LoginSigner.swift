import CLibSSH2

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// Stands between libssh2, which calls back for a signature, and whatever makes one while libssh2 waits.
///
/// libssh2 first asks the server whether it takes the key at all and calls back only if it does: the callback notes
/// what is to be signed and says EAGAIN. The repeated call finds a signature here, or a refusal to make one, upon
/// which libssh2 forgets the attempt and the server hears nothing more of it.
final class LoginSigner {
    enum State {
        case idle
        case asked([UInt8])
        case signed([UInt8])
        case declined
    }

    var state = State.idle

    /// Offers `key`, a public key or a certificate; as libssh2_userauth_publickey, EAGAIN also while `state` is asked.
    func offer(_ key: [UInt8], user: String, _ session: OpaquePointer) -> Int32 {
        var context: UnsafeMutableRawPointer? = Unmanaged.passUnretained(self).toOpaque()
        return withUnsafeMutablePointer(to: &context) { abstract in
            key.withUnsafeBufferPointer { blob in
                libssh2_userauth_publickey(session, user, blob.baseAddress, blob.count, answer, abstract)
            }
        }
    }
}

/// `abstract` leads to the `LoginSigner`; the signature is malloc'ed because libssh2 frees it.
private let answer:
    @convention(c) (
        OpaquePointer?, UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>?, UnsafeMutablePointer<Int>?,
        UnsafePointer<UInt8>?, Int, UnsafeMutablePointer<UnsafeMutableRawPointer?>?
    ) -> Int32 = { _, signatureOut, lengthOut, data, count, abstract in
        guard let context = abstract?.pointee, let signatureOut, let lengthOut else { return -1 }
        let signer = Unmanaged<LoginSigner>.fromOpaque(context).takeUnretainedValue()
        switch signer.state {
        case .idle:
            signer.state = .asked(Array(UnsafeBufferPointer(start: data, count: count)))
            return Int32(LIBSSH2_ERROR_EAGAIN)
        case .asked: return Int32(LIBSSH2_ERROR_EAGAIN)
        case .declined: return -1
        case .signed(let signature):
            guard let copy = malloc(max(1, signature.count)) else { return -1 }
            signature.withUnsafeBytes { bytes in
                if let base = bytes.baseAddress { memcpy(copy, base, bytes.count) }
            }
            signatureOut.pointee = copy.assumingMemoryBound(to: UInt8.self)
            lengthOut.pointee = signature.count
            return 0
        }
    }
