import StarkField

/// A Cairo short string that the code spells out.
func shortString(_ text: String) -> Felt {
    guard let felt = Felt(shortString: text) else {
        preconditionFailure("'\(text)' is not a short string")
    }
    return felt
}
