//! Ambit as an Envoy HTTP filter: events in, steps out, no policy of its own.
//!
//! `host` speaks the proxy-wasm ABI, `plugin` loads the policy and fetches keys, `filter` carries
//! one request.

mod counters;
mod fetches;
mod filter;
mod host;
mod ids;
mod plugin;
mod senders;
mod signatures;

/// The module's entry, `_initialize`.
mod entry {
    proxy_wasm::main! {{
        super::host::report_panics();
        proxy_wasm::set_root_context(|_| Box::new(super::plugin::Plugin::default()));
    }}
}
