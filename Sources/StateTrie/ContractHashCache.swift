import StarkField

/// H(class hash, storage root) of contracts whose leaves were hashed lately: the part of a leaf that
/// stays when only the nonce changes, as for most accounts in most blocks.
///
/// Two generations of at most `capacity` hashes each: a full one becomes the old one, and what is
/// found in the old one moves to the new one, so that what is in use stays. About 130 bytes a hash.
package final class ContractHashCache {
    private struct Key: Hashable {
        let classHash: Felt
        let storageRoot: Felt
    }

    private let capacity: Int
    private var young: [Key: Felt] = [:]
    private var old: [Key: Felt] = [:]

    /// Zero keeps nothing.
    package init(capacity: Int) {
        precondition(capacity >= 0, "capacity \(capacity)")
        self.capacity = capacity
    }

    package var count: Int { young.count + old.count }

    func hash(_ classHash: Felt, _ storageRoot: Felt) -> Felt? {
        if capacity == 0 { return nil }
        let key = Key(classHash: classHash, storageRoot: storageRoot)
        if let known = young[key] { return known }
        guard let known = old.removeValue(forKey: key) else { return nil }
        insert(known, for: key)
        return known
    }

    func insert(_ hash: Felt, _ classHash: Felt, _ storageRoot: Felt) {
        if capacity == 0 { return }
        insert(hash, for: Key(classHash: classHash, storageRoot: storageRoot))
    }

    private func insert(_ hash: Felt, for key: Key) {
        if young.count >= capacity {
            old = young
            young = [:]
        }
        young[key] = hash
    }
}
