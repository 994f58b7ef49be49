//! The enforcement from bytes to bytes, without a gateway: what a client sends, what the upstream
//! would see, what the client gets, and what the record says.

mod host;

mod approvals;
mod forwarding;
mod held;
mod keys;
mod lookups;
mod open;
mod phases;
mod property;
mod requests;
mod senders;
mod shadow;
mod shared_keys;
mod tokens;
