//! Transactions (RFC 3261 17).

/// The right to answer one request.
#[derive(Debug)]
pub struct ServerTransaction {
    _private: (),
}
