//! `ambit run` and `ambit demo`.

use ambit_test_harness::demo::{self, Demo, live};
use std::io;
use std::path::Path;
use std::process::ExitCode;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

/// Exit code for a promise that was not kept.
const NOT_KEPT: u8 = 4;
/// Exit code of a tour that somebody ended: what a shell gives for Ctrl-C.
const INTERRUPTED: u8 = 130;

pub(super) fn run(root: &Path) -> io::Result<ExitCode> {
    Runtime::new()?.block_on(async {
        // Whichever ends first drops the other, and with it Envoy.
        tokio::select! {
            never = show(root) => never,
            ended = stopped() => {
                ended?;
                println!("\nstopped");
                Ok(ExitCode::SUCCESS)
            }
        }
    })
}

async fn show(root: &Path) -> io::Result<ExitCode> {
    let paint = super::paint();
    let mut demo = Demo::start(root).await?;
    demo::print_commands(paint);
    println!(
        "{}\n",
        paint.colour(
            "1",
            &format!(
                "{} listens on http://127.0.0.1:10000. Paste any of these into another terminal.\n\
                 Decisions, as they happen (Ctrl-C ends everything):",
                gateway(&demo)
            )
        )
    );
    let records = demo.records.clone();
    tokio::select! {
        followed = live::follow(&records, paint) => followed?,
        ended = demo.ended() => {
            return Err(io::Error::other(format!("Envoy ended ({}); see .run/envoy.log", ended?)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What stands between the agents and the upstream.
const fn gateway(demo: &Demo) -> &'static str {
    match demo.envoy {
        Some(_) => "Envoy with Ambit",
        None => "Ambit in wasmtime (there is no Envoy here; what it decides is the same)",
    }
}

pub(super) fn take(root: &Path) -> io::Result<ExitCode> {
    Runtime::new()?.block_on(async {
        tokio::select! {
            taken = tour(root) => taken,
            ended = stopped() => ended.map(|()| {
                println!("\nstopped");
                ExitCode::from(INTERRUPTED)
            }),
        }
    })
}

async fn tour(root: &Path) -> io::Result<ExitCode> {
    let paint = super::paint();
    // Against what `ambit run` started, where it runs; else everything is started for the tour.
    let kept = match Demo::running().await {
        Some(records) => demo::take(root, &records, paint).await?,
        None => {
            let demo = Demo::start(root).await?;
            if demo.envoy.is_none() {
                println!("without Envoy: the tour is taken against {}", gateway(&demo));
            }
            let taken = demo::take(root, &demo.records, paint).await;
            demo.stop().await;
            taken?
        }
    };
    println!("{}", if kept { "every promise was kept" } else { "a promise was not kept" });
    Ok(if kept { ExitCode::SUCCESS } else { ExitCode::from(NOT_KEPT) })
}

/// Ctrl-C, a supervisor's signal, or the terminal's end.
async fn stopped() -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
        _ = hang_up.recv() => Ok(()),
    }
}
