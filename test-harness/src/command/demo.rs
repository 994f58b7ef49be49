//! `ambit run` and `ambit demo`.

use ambit_test_harness::demo::{self, Demo, live};
use std::io;
use std::path::Path;
use std::process::ExitCode;
use tokio::runtime::Runtime;

/// Exit code for a promise that was not kept.
const NOT_KEPT: u8 = 4;

pub(super) fn run(root: &Path) -> io::Result<ExitCode> {
    let paint = super::paint();
    Runtime::new()?.block_on(async {
        let demo = Demo::start(root).await?;
        demo::print_commands(paint);
        println!(
            "{}\n",
            paint.colour("1", "Envoy with Ambit listens on http://127.0.0.1:10000. Decisions, as they happen (Ctrl-C ends everything):")
        );
        tokio::select! {
            followed = live::follow(&demo.gateway.records, paint) => followed?,
            ended = stopped() => ended?,
        }
        demo.gateway.stop().await;
        println!("\nstopped");
        Ok(ExitCode::SUCCESS)
    })
}

pub(super) fn take(root: &Path) -> io::Result<ExitCode> {
    let paint = super::paint();
    Runtime::new()?.block_on(async {
        // Against what `ambit run` started, where it runs; else everything is started for the tour.
        let demo = match Demo::is_running().await {
            true => None,
            false => Some(Demo::start(root).await?),
        };
        let taken = tokio::select! {
            taken = demo::take(root, paint) => taken,
            ended = stopped() => ended.map(|()| false),
        };
        if let Some(demo) = demo {
            demo.gateway.stop().await;
        }
        let kept = taken?;
        println!("{}", if kept { "every promise was kept" } else { "a promise was not kept" });
        Ok(if kept { ExitCode::SUCCESS } else { ExitCode::from(NOT_KEPT) })
    })
}

/// Ctrl-C, or the signal of a supervisor.
async fn stopped() -> io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}
