//! `ambit serve` over real sockets: scenarios, raw bytes, many at a time, slow and dying peers, reload.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

#[path = "../sockets/case.rs"]
mod case;
mod client;
mod command;
#[path = "../sockets/frames.rs"]
mod frames;
#[path = "../sockets/outcome.rs"]
mod outcome;
mod peers;
mod raw;
mod scenarios;
mod streams;
mod tls;
mod upstream;
#[path = "../sockets/world.rs"]
mod world;

use ambit_test_harness::proxy_host::Module;
use ambit_test_harness::serve::{Records, Server, Settings, Shown};
use std::sync::OnceLock;
use world::root;

/// The seed that `AMBIT_SIGNING_KEY` holds in every engine.
const SIGNING_KEY: &str = "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk";

fn module() -> &'static Module {
    static MODULE: OnceLock<Module> = OnceLock::new();
    MODULE.get_or_init(|| {
        let bytes = std::fs::read(root().join("dist/ambit.wasm"));
        Module::compile(&bytes.unwrap()).unwrap()
    })
}

async fn start(settings: Settings) -> Server {
    let records = Records::new(settings.records.as_deref(), Shown::Nothing).unwrap();
    let environment = [("AMBIT_SIGNING_KEY".to_owned(), SIGNING_KEY.to_owned())];
    let log = |worker: usize, level: u32, line: &str| {
        if level >= 4 {
            eprintln!("worker {worker}: {line}");
        }
    };
    Server::start(settings, module(), &environment, records, log).await.unwrap()
}
