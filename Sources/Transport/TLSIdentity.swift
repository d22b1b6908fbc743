import COpenSSL

/// libssl would not set something up; its packed error code.
package struct TLSSetupError: Error, Hashable {
    package let code: UInt
}

/// The process's TLS key (Ed25519, new at each start) with its self-signed certificate, and the
/// libssl context that both ends use: TLS 1.3 alone, a certificate demanded from both sides,
/// X25519, no tickets, no resumption, one application protocol.
///
/// Which key a certificate holds is not judged here: TLS proves that the peer has the private key,
/// and `Greeting` binds it to a validator.
final class TLSIdentity: @unchecked Sendable {
    // Unchecked: a libssl context is not changed after `init`, and counts references atomically.
    private let context: OpaquePointer
    /// SHA-256 of the certificate's SubjectPublicKeyInfo.
    let keyHash: [UInt8]

    static let applicationProtocol: [UInt8] = Array("prytany/1".utf8)
    private static let maximumCertificateBytes = 4096

    /// - Parameter presentsCertificate: false only in tests of what happens without one.
    init(presentsCertificate: Bool = true) throws(TLSSetupError) {
        guard let context = SSL_CTX_new(TLS_method()) else { throw Self.failure() }
        self.context = context
        guard let key = Self.makeKey(), let certificate = Self.makeCertificate(key),
            let keyHash = Self.keyHash(of: certificate)
        else {
            SSL_CTX_free(context)
            throw Self.failure()
        }
        self.keyHash = keyHash
        defer {
            EVP_PKEY_free(key)
            X509_free(certificate)
        }
        var works =
            prytany_ctx_only_tls13(context) == 1
            && SSL_CTX_set_ciphersuites(
                context, "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256") == 1
            && prytany_ctx_set_groups(context, "X25519") == 1
            && prytany_ctx_set_signatures(context, "ed25519") == 1
            && SSL_CTX_set_num_tickets(context, 0) == 1
        if presentsCertificate {
            works =
                works && SSL_CTX_use_certificate(context, certificate) == 1
                && SSL_CTX_use_PrivateKey(context, key) == 1
        }
        let offer = [UInt8(Self.applicationProtocol.count)] + Self.applicationProtocol
        works = works && SSL_CTX_set_alpn_protos(context, offer, UInt32(offer.count)) == 0
        guard works else {
            SSL_CTX_free(context)
            throw Self.failure()
        }
        prytany_ctx_no_session_cache(context)
        prytany_ctx_max_certificate_bytes(context, Self.maximumCertificateBytes)
        SSL_CTX_set_alpn_select_cb(
            context,
            { _, chosen, chosenCount, offer, offerCount, _ in
                // The peer must offer our one protocol and no other.
                let own = TLSIdentity.applicationProtocol
                guard let offer, Int(offerCount) == own.count + 1, Int(offer[0]) == own.count,
                    UnsafeBufferPointer(start: offer + 1, count: own.count).elementsEqual(own)
                else { return SSL_TLSEXT_ERR_ALERT_FATAL }
                chosen?.pointee = offer + 1
                chosenCount?.pointee = UInt8(own.count)
                return SSL_TLSEXT_ERR_OK
            }, nil)
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
        SSL_CTX_set_cert_verify_callback(context, { _, _ in 1 }, nil)
    }

    deinit { SSL_CTX_free(context) }

    func makeConnection() -> OpaquePointer? { SSL_new(context) }

    private static func failure() -> TLSSetupError { TLSSetupError(code: ERR_get_error()) }

    private static func makeKey() -> OpaquePointer? {
        guard let maker = EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, nil) else { return nil }
        defer { EVP_PKEY_CTX_free(maker) }
        var key: OpaquePointer?
        guard EVP_PKEY_keygen_init(maker) == 1, EVP_PKEY_keygen(maker, &key) == 1 else {
            return nil
        }
        return key
    }

    private static func makeCertificate(_ key: OpaquePointer) -> OpaquePointer? {
        guard let certificate = X509_new() else { return nil }
        let tenYears = 10 * 365 * 86_400
        let name = X509_get_subject_name(certificate)
        let works =
            X509_set_version(certificate, 2) == 1
            && ASN1_INTEGER_set_uint64(
                X509_get_serialNumber(certificate), UInt64.random(in: 1...(.max >> 1))) == 1
            && X509_gmtime_adj(X509_getm_notBefore(certificate), -86_400) != nil
            && X509_gmtime_adj(X509_getm_notAfter(certificate), tenYears) != nil
            && X509_NAME_add_entry_by_txt(
                name, "CN", MBSTRING_ASC, applicationProtocol,
                Int32(applicationProtocol.count), -1, 0) == 1
            && X509_set_issuer_name(certificate, name) == 1
            && X509_set_pubkey(certificate, key) == 1
            && X509_sign(certificate, key, nil) > 0
        guard works else {
            X509_free(certificate)
            return nil
        }
        return certificate
    }

    static func keyHash(of certificate: OpaquePointer) -> [UInt8]? {
        var encoding: UnsafeMutablePointer<UInt8>?
        let count = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &encoding)
        guard count > 0, let encoding else { return nil }
        defer { CRYPTO_free(encoding, nil, 0) }
        return sha256(UnsafeRawBufferPointer(start: encoding, count: Int(count)))
    }

    static func sha256(_ bytes: UnsafeRawBufferPointer) -> [UInt8]? {
        var digest = [UInt8](repeating: 0, count: 32)
        var count: UInt32 = 0
        guard
            EVP_Digest(bytes.baseAddress, bytes.count, &digest, &count, EVP_sha256(), nil) == 1,
            count == 32
        else { return nil }
        return digest
    }

    /// libssl's own words for an error code, for logs.
    static func describe(_ code: UInt) -> String {
        guard let reason = ERR_reason_error_string(code) else { return "code \(code)" }
        return String(cString: reason)
    }
}
