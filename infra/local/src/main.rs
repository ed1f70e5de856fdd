//! `cargo run`: Sellthrough on one machine.

use std::{io::Write, net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::Parser;
use jiff::Timestamp;
use local::{Deployment, Settings};
use runtime::{Configuration, StartError, telemetry};
use tokio::signal::unix::{SignalKind, signal};

/// Sellthrough on one machine: quotes, payments, licences, with everything in one directory.
#[derive(Parser)]
#[command(name = "sellthrough", version)]
struct Flags {
    /// The address to listen on
    #[arg(long, default_value = "127.0.0.1:8787")]
    listen: SocketAddr,
    /// The directory of all data: database, letters, keys
    #[arg(long, default_value = "data")]
    data: PathBuf,
    /// The vendor folder: catalogue, prices, texts, templates
    #[arg(long, default_value = "infra/vendor")]
    vendor: PathBuf,
    /// Start with a clock that is stopped at this instant, such as 2026-12-24T12:00:00Z
    #[arg(long)]
    now: Option<Timestamp>,
}

#[tokio::main]
async fn main() -> ExitCode {
    // The engine logs every failed condition as a warning, although failed conditions are normal here.
    telemetry::human("info,dynoxide=error");
    let Flags { listen, data, vendor, now } = Flags::parse();
    match run(Settings { listen, data, vendor, now, environment: Configuration::from_env() }).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sellthrough: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(settings: Settings) -> Result<(), StartError> {
    let deployment = Deployment::start(settings).await?;
    // An error is ignored: the output may be closed, and the deployment continues.
    let _ = writeln!(std::io::stdout(), "{}", deployment.welcome());
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    deployment.shutdown().await
}
